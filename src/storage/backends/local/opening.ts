import { lstat, mkdir, realpath } from "node:fs/promises";
import { DiskError } from "./disk-error.js";
import { DiskThreads } from "./disk-threads.js";
import { thisHolder } from "./holder.js";
import { Store, type StoreSettings } from "./store.js";
import { newTurns } from "./sync.js";
import { folderMode } from "./whole-file.js";

/** How safe an acknowledged write is: `full` survives loss of power, `fast` survives the end of the process. */
export type Durability = "full" | "fast";

/** Threads that wait for the disk are many, for it syncs several files as fast as one. */
const maxThreadsOf = { full: 6, fast: 2 } as const;

/** A base folder that is open for work. */
export interface OpenStore {
  readonly store: Store;
  readonly threads: DiskThreads;
  /** Its own, so that a folder of a million names holds up no one but other listings. */
  readonly listThread: DiskThreads;
}

/** Makes the folders, clears away what dead processes left, and gets the threads ready. */
export async function openStore(basePath: string, durability: Durability): Promise<OpenStore> {
  await mkdir(basePath, { recursive: true, mode: folderMode });
  const base = await realpath(basePath);
  const settings: StoreSettings = {
    base,
    holder: thisHolder(),
    isDurable: durability === "full",
    turns: newTurns(),
  };
  const store = new Store(settings);
  for (const folder of store.layout.folders()) await makeOwnFolder(folder);
  const threads = new DiskThreads(settings, maxThreadsOf[durability]);
  threads.prepare(2);
  await threads.run("sweep", {}, () => undefined);
  return { store, threads, listThread: new DiskThreads(settings, 1) };
}

async function makeOwnFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: folderMode });
  if (!(await lstat(path)).isDirectory())
    throw new DiskError("permission_denied", `'${path}' is not a folder`);
}
