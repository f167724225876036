import { readTwice } from "../harness/read-twice.js";
import { objectBytes, prepareObjects, smallObjectAdapters } from "./l1-put.js";

/** @type {import("../harness/contracts.js").Case} */
export const l2Get = {
  id: "L2",
  title: "get 4 KiB: the first 3,000, and 10,000 when steady; 16 at a time",
  adapters: smallObjectAdapters,
  unit: "ops/s",
  prepare: prepareObjects,
  run: (context) =>
    readTwice(context, "get", async (store, key) => (await store.get(key))?.byteLength === objectBytes),
};
