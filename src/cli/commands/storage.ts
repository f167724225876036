import type { Command } from "commander";
import { registerStorageCat } from "./storage-cat.js";
import { registerStorageCheck } from "./storage-check.js";
import { registerStorageCopy } from "./storage-copy.js";
import { registerStorageCors } from "./storage-cors.js";
import { registerStorageGet } from "./storage-get.js";
import { registerStorageLs } from "./storage-ls.js";
import { registerStoragePut } from "./storage-put.js";
import { registerStorageRm } from "./storage-rm.js";
import { registerStorageStat } from "./storage-stat.js";
import { registerStorageSweep } from "./storage-sweep.js";
import { registerStorageUrl } from "./storage-url.js";

/** Adds `storage` with its commands. */
export function registerStorage(program: Command): void {
  const storage = program
    .command("storage")
    .description("Look into the storage, and look after it.")
    .addHelpText(
      "after",
      `
Examples:
  $ svc-infra storage ls reports/ --long
  $ svc-infra storage put report.pdf reports/2026.pdf
  $ svc-infra storage check                     the rules of the storage contract against this storage`,
    );
  registerStorageLs(storage);
  registerStorageStat(storage);
  registerStorageCat(storage);
  registerStorageGet(storage);
  registerStoragePut(storage);
  registerStorageRm(storage);
  registerStorageUrl(storage);
  registerStorageCopy(storage);
  registerStorageCheck(storage);
  registerStorageCors(storage);
  registerStorageSweep(storage);
}
