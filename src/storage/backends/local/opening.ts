import { setTimeout } from "node:timers/promises";
import { makeBaseFolder, makeOwnFolder } from "./base-folder.js";
import { CheckpointSchedule } from "./checkpoint-schedule.js";
import { DiskThreads } from "./disk-threads.js";
import { thisHolder } from "./holder.js";
import { OpenStore } from "./open-store.js";
import { Store, type StoreSettings } from "./store.js";

/** How safe an acknowledged write is: `full` survives loss of power, `fast` survives the end of the process. */
export type Durability = "full" | "fast";

/** Longer than any lock is respected that a loss of power left. */
const maxLockedMs = 35_000;
const pauseMs = 500;

/** Makes the folders, clears away what dead processes left, and gets the threads ready. */
export async function openStore(
  basePath: string,
  durability: Durability,
  signal: AbortSignal,
): Promise<OpenStore> {
  const isDurable = durability === "full";
  const base = await makeBaseFolder(basePath, isDurable);
  const settings: StoreSettings = { base, holder: thisHolder(base), isDurable, id: `${base} ${durability}` };
  const store = new Store(settings);
  for (const folder of store.layout.folders()) await makeOwnFolder(store.layout, folder, isDurable);
  const threads = new DiskThreads(settings);
  try {
    threads.prepare();
    await sweep(threads, signal);
  } catch (error) {
    await threads.close();
    throw error;
  }
  const checkpoints = isDurable ? new CheckpointSchedule(store, settings) : undefined;
  return new OpenStore(store, threads, checkpoints);
}

/** Until every object that has lost its record has it back, so that nobody is told a guess instead. */
async function sweep(threads: DiskThreads, signal: AbortSignal): Promise<void> {
  const deadlineMs = performance.now() + maxLockedMs;
  for (;;) {
    const isDone = await threads.run("sweep", {}, ({ reply }) => reply, { signal });
    if (isDone || performance.now() > deadlineMs) return;
    await setTimeout(pauseMs);
  }
}
