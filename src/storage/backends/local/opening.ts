import { makeBaseFolder, makeOwnFolder } from "./base-folder.js";
import { DiskThreads } from "./disk-threads.js";
import { thisHolder } from "./holder.js";
import { OpenStore } from "./open-store.js";
import { Store, type StoreSettings } from "./store.js";

/** How safe an acknowledged write is: `full` survives loss of power, `fast` survives the end of the process. */
export type Durability = "full" | "fast";

/** Makes the folders, clears away what dead processes left, and gets the threads ready. */
export async function openStore(basePath: string, durability: Durability): Promise<OpenStore> {
  const base = await makeBaseFolder(basePath);
  const settings: StoreSettings = {
    base,
    holder: thisHolder(base),
    isDurable: durability === "full",
    id: `${base} ${durability}`,
  };
  const store = new Store(settings);
  for (const folder of store.layout.folders()) await makeOwnFolder(folder);
  const threads = new DiskThreads(settings);
  threads.prepare();
  await threads.run("sweep", {}, () => undefined);
  return new OpenStore(store, settings, threads);
}
