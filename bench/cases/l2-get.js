import { readTwice } from "../harness/read-twice.js";
import { objectBytes, prepareObjects, smallObjectAdapters } from "./l1-put.js";

/** @type {import("../harness/contracts.js").Case} */
export const l2Get = {
  id: "L2",
  title: "get 10,000 x 4 KiB, 16 at a time",
  adapters: smallObjectAdapters,
  unit: "ops/s",
  prepare: prepareObjects,
  run: (context) =>
    readTwice(context, "get", async (store, key) => (await store.get(key))?.byteLength === objectBytes),
};
