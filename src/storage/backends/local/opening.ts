import { lstatSync, readdirSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { makeBaseFolder, makeOwnFolder, refuseUnsafeBase } from "./disk/base-folder.js";
import { Layout } from "./disk/layout.js";
import { OpenStore } from "./open-store.js";
import { thisOwner } from "./record/lock-owner.js";

/** How safe an acknowledged write is: `full` survives loss of power, `fast` survives the end of the process. */
export type Durability = "full" | "fast";

/** Pause between two rounds of clearing away, so that callers are not held up. */
const sweepPauseMs = 50;
/** Longer than any lock is respected that a loss of power left. */
const maxLockedMs = 35_000;
const lockedPauseMs = 500;
let opened = 0;

/**
 * Makes the folders, and clears away what dead processes left for as long as one round takes; the rest is done later. An
 * old folder whose records lie in journals is not open before each object has its record.
 *
 * @throws DiskError `configuration` for a base folder that must not hold uploads, or that cannot be used.
 */
export async function openStore(
  basePath: string,
  durability: Durability,
  signal: AbortSignal,
): Promise<OpenStore> {
  const isDurable = durability === "full";
  const base = await makeBaseFolder(basePath, isDurable);
  refuseUnsafeBase(base);
  const layout = new Layout(base);
  for (const folder of layout.folders()) await makeOwnFolder(layout, folder, isDurable);
  const foldsCase = ignoresCase(layout);
  const open = new OpenStore({ id: opened++, base, owner: thisOwner(base), isDurable, foldsCase });
  try {
    await migrate(open, layout, signal);
    if (!(await sweep(open))) void sweepRest(open, signal);
    return open;
  } catch (error) {
    await open.close();
    throw error;
  }
}

/** Whether the file system finds an own folder also by a name that is not listed. Inode numbers may differ by name, as with FUSE. */
function ignoresCase({ own, meta }: Layout): boolean {
  const other = meta.slice(own.length + 1).toUpperCase();
  return (
    lstatSync(`${own}/${other}`, { throwIfNoEntry: false }) !== undefined && !readdirSync(own).includes(other)
  );
}

async function sweep(open: OpenStore): Promise<boolean> {
  return (await open.call("sweep", {})).reply;
}

/** A closed store leaves the rest to the next process. */
async function sweepRest(open: OpenStore, signal: AbortSignal): Promise<void> {
  try {
    do await setTimeout(sweepPauseMs, undefined, { signal, ref: false });
    while (!(await sweep(open)));
  } catch {}
}

async function migrate(open: OpenStore, layout: Layout, signal: AbortSignal): Promise<void> {
  if (lstatSync(layout.oldJournals, { throwIfNoEntry: false }) === undefined) return;
  const deadlineMs = performance.now() + maxLockedMs;
  while (!(await open.call("migrate", {})).reply && performance.now() < deadlineMs)
    await setTimeout(lockedPauseMs, undefined, { signal });
}
