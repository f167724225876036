import { closeSync, openSync } from "node:fs";
import { flatKeyOf } from "../harness/keys.js";
import { measure } from "../harness/measure.js";

const names = 1_000_000;
const pages = 20;

/**
 * One folder of a million names, which no other library pages through. The files are empty and were made by another tool: a
 * listing tells only what their names, sizes and dates say. The growth of the whole walk is from before the first page on.
 *
 * @type {import("../harness/contracts.js").Case}
 */
export const l9HugeFolder = {
  id: "L9",
  title: "pages of 1,000 of one folder of 1,000,000 names",
  adapters: ["raw-fs", "svc-infra-local", "svc-infra-local-bare"],
  unit: "ms",
  prepare: async ({ dir, scale }) => {
    const count = Math.ceil(names * scale);
    for (let index = 0; index < count; index += 1) closeSync(openSync(`${dir}/${flatKeyOf(index)}`, "w"));
  },
  run: async ({ scale, open }) => {
    const turns = Math.min(pages, Math.floor((names * scale) / 1000) - 1);
    const store = await open();
    /** @type {string | undefined} */
    let cursor;
    let keys = 0;
    const page = async () => {
      const { items, next } = await store.pageOf1000(cursor);
      cursor = next;
      keys += items.length;
    };
    const first = await measure(1, page);
    const next = await measure(turns, async () => {
      for (let turn = 0; turn < turns; turn += 1) await page();
    });
    let counted = 0;
    const whole = await measure(1, async () => {
      counted = await (store.countByPages ?? store.countAll)();
    });
    await store.close();
    const growthMiB =
      Math.max(...[first, next, whole].map(({ peakRssMiB }) => peakRssMiB)) -
      (first.peakRssMiB - first.growthMiB);
    const isRight = keys === (turns + 1) * 1000 && counted === Math.ceil(names * scale);
    const fault = isRight ? undefined : `${keys} keys on pages, ${counted} in all`;
    return {
      "first page": { ...first, fault },
      "next page": { ...next, fault },
      "whole walk": { ...whole, growthMiB, fault },
    };
  },
};
