import { existsSync, lstatSync, readdirSync, writeFileSync } from "node:fs";
import { setImmediate, setTimeout } from "node:timers/promises";
import { ServiceError } from "../../contract/service-error.js";
import { migrateJournals } from "./commit/old-journals.js";
import { makeBaseFolder, makeOwnFolder, refuseUnsafeBase } from "./disk/base-folder.js";
import { fileMode } from "./disk/files.js";
import { Layout } from "./disk/layout.js";
import { OpenStore } from "./open-store.js";
import { thisOwner } from "./record/lock-owner.js";

/** How safe an acknowledged write is: `full` survives loss of power, `fast` survives the end of the process. */
export type Durability = "full" | "fast";

/** How long opening waits for what dead processes left to be cleared away, in milliseconds. */
const maxFirstSweepMs = 250;
/** Pause between two rounds of clearing away later, so that callers are not held up. */
const sweepPauseMs = 50;
/** Longer than a lock that a loss of power left is honoured. */
const maxLockedMs = 35_000;
const lockedPauseMs = 500;

/**
 * Makes the folders, and spends up to 250 ms on clearing away what dead processes left; the rest is done later. An
 * old folder whose records lie in journals is not open before each object has its record.
 *
 * @throws ServiceError `configuration` for a base folder that must not hold uploads, or that cannot be used.
 */
export async function openStore(
  basePath: string,
  durability: Durability,
  signal: AbortSignal,
): Promise<OpenStore> {
  const isDurable = durability === "full";
  const base = await makeBaseFolder(basePath, isDurable);
  const layout = new Layout(base);
  refuseUnsafeBase(layout);
  for (const folder of layout.folders()) await makeOwnFolder(layout, folder, isDurable);
  const unfolds = isUnfolded(layout);
  const open = new OpenStore({ base, owner: thisOwner(base), isDurable, unfolds });
  try {
    await migrate(open, layout, signal);
    if (!(await sweepFirst(open))) void sweepRest(open, signal);
    return open;
  } catch (error) {
    await open.close();
    throw error;
  }
}

/**
 * Whether keys are spelled for a file system that ignores case. A folder that was begun on one stays so wherever it is
 * taken.
 *
 * @throws ServiceError `configuration` for a folder that comes from a file system on which case counts, and has capital letters.
 */
function isUnfolded(layout: Layout): boolean {
  if (existsSync(layout.unfolded)) return true;
  if (!ignoresCase(layout)) return false;
  const name = readdirSync(layout.meta, { recursive: true, encoding: "utf8" }).find((path) =>
    /[A-Z]/.test(path),
  );
  if (name !== undefined && !existsSync(layout.unfolded)) throw cameFromElsewhere(layout, name);
  writeFileSync(layout.unfolded, "", { mode: fileMode });
  return true;
}

function cameFromElsewhere({ base }: Layout, sidecar: string): ServiceError {
  return new ServiceError(
    "configuration",
    `the base path '${base}' (STORAGE_BASE_PATH, basePath) lies on a file system that ignores case, and '${sidecar}' was ` +
      "written on one that does not: copy the objects from there with 'svc-infra storage copy'",
  );
}

/** Whether the file system finds an own folder also by a name that is not listed. Inode numbers may differ by name, as with FUSE. */
function ignoresCase({ own, meta }: Layout): boolean {
  const other = meta.slice(own.length + 1).toUpperCase();
  return (
    lstatSync(`${own}/${other}`, { throwIfNoEntry: false }) !== undefined && !readdirSync(own).includes(other)
  );
}

function sweep(open: OpenStore): Promise<boolean> {
  return open.run(() => open.sweep.run());
}

async function sweepFirst(open: OpenStore): Promise<boolean> {
  const deadlineMs = performance.now() + maxFirstSweepMs;
  while (performance.now() < deadlineMs) {
    if (await sweep(open)) return true;
    await setImmediate();
  }
  return false;
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
  while (!(await open.run(() => migrateJournals(open.store))) && performance.now() < deadlineMs)
    await setTimeout(lockedPauseMs, undefined, { signal });
}
