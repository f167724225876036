import { lstat, mkdir, realpath } from "node:fs/promises";
import { DiskError } from "./disk-error.js";
import { DiskThreads } from "./disk-threads.js";
import { thisHolder } from "./holder.js";
import { Store, type StoreSettings } from "./store.js";
import { folderMode } from "./whole-file.js";

/** How safe an acknowledged write is: `full` survives loss of power, `fast` survives the end of the process. */
export type Durability = "full" | "fast";

let opened = 0;

/** A base folder that is open for work. */
export interface OpenStore {
  readonly store: Store;
  readonly threads: DiskThreads;
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
    id: `${base} ${durability}`,
    turn: opened++,
  };
  const store = new Store(settings);
  for (const folder of store.layout.folders()) await makeOwnFolder(folder);
  const threads = new DiskThreads(settings, durability);
  threads.prepare(2);
  await threads.run("sweep", {}, () => undefined);
  return { store, threads, listThread: new DiskThreads(settings, "list") };
}

async function makeOwnFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: folderMode });
  if (!(await lstat(path)).isDirectory())
    throw new DiskError("permission_denied", `'${path}' is not a folder`);
}
