import { putMany } from "./l1-put.js";

/**
 * On a real disk, with files and folders synced before the answer. No peer offers that.
 *
 * @type {import("../harness/contracts.js").Case}
 */
export const l1fPutDurable = {
  id: "L1F",
  title: "the same with fsync of files and folders, on disk; 4,000 when steady",
  adapters: ["raw-fs-safe", "svc-infra-local"],
  unit: "ops/s",
  isOnDisk: true,
  isDurable: true,
  run: async (context) => putMany(context, 4_000),
};
