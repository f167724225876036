import { readFile, writeFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { flatKeyOf, keyOf } from "../harness/keys.js";
import { measure } from "../harness/measure.js";
import { workers } from "../harness/workers.js";

const adapters = [
  "raw-fs",
  "raw-fs-stat",
  "svc-infra-local",
  "unstorage-fs",
  "flydrive-fs",
  "flystorage-local",
];
const repetitions = 20;
/** Milliseconds from one put to the next while everything is listed. */
const putEveryMs = 100;
/** Milliseconds of puts before the listing begins. */
const headStartMs = 300;

/** @type {import("../harness/contracts.js").Case} */
export const l5ListNested = {
  id: "L5N",
  title: "list 100,000 keys in 100 folders",
  adapters,
  unit: "ms",
  prepare: (context) => prepare(context, keyOf),
  run: (context) => run(context, keyOf(Math.floor(total(context) / 200) * 100 + 50)),
};

/** @type {import("../harness/contracts.js").Case} */
export const l5ListFlat = {
  id: "L5F",
  title: "list 100,000 keys in one folder",
  adapters,
  unit: "ms",
  prepare: (context) => prepare(context, flatKeyOf),
  run: (context) => run(context, flatKeyOf(total(context) / 2)),
};

/** @typedef {import("../harness/contracts.js").CaseContext} CaseContext */

/** @param {CaseContext} context */
function total({ scale }) {
  return Math.ceil(1000 * scale) * 100;
}

/**
 * @param {CaseContext} context
 * @param {(index: number) => string} name
 */
async function prepare(context, name) {
  const { dir, open } = context;
  const bytes = Buffer.from("x");
  for (const [place, count] of /** @type {const} */ ([
    [`${dir}-warm`, 500],
    [dir, total(context)],
    [`${dir}-puts`, total(context)],
  ])) {
    const store = await open(place);
    await workers(count, 16, (index) => store.put(name(index), bytes));
    const cursor = await store.middleCursor?.();
    if (cursor) await writeFile(`${place}.cursor`, cursor);
    await store.close();
  }
}

/**
 * The first page and one from the middle in a process that has listed nothing yet, then many of them, then all.
 *
 * @param {CaseContext} context
 * @param {string} middleKey
 */
async function run(context, middleKey) {
  const { dir, open } = context;
  await warmUp(await open(`${dir}-warm`), `${dir}-warm`, middleKey);
  const store = await open();
  const cursor = await cursorOf(dir, middleKey);
  let keys = 0;
  const middle = async () => {
    const page = await store.middlePage(cursor);
    keys = page.length;
  };
  const firstPage = await measure(1, () => store.firstPage());
  const middlePage = await measure(1, middle);
  const againMiddle = await measure(repetitions, () => workers(repetitions, 1, middle));
  const fault = keys === 100 ? undefined : `${keys} keys on the page`;
  let counted = 0;
  await store.close();
  // The pages before may have left in memory what a listing of everything would read.
  const fresh = await open();
  const all = await measure(1, async () => {
    counted = await fresh.countAll();
  });
  await fresh.close();
  const listing = await duringPuts(await open(`${dir}-puts`), middleKey);
  const lost = counted === total(context) ? undefined : `${counted} keys`;
  return {
    "first page": firstPage,
    "middle page": { ...middlePage, fault: fault ?? lost },
    "middle again": { ...againMiddle, fault: fault ?? lost },
    "all keys": { ...all, fault: lost },
    "all keys during puts": listing,
  };
}

/**
 * All keys while ten new ones a second come into the folder, which had some before the listing begins.
 *
 * @param {import("../harness/contracts.js").Store} store
 * @param {string} key
 */
async function duringPuts(store, key) {
  const before = await store.countAll();
  /** @type {unknown[]} */
  const puts = [];
  const timer = setInterval(
    () => puts.push(store.put(`${key}-${process.pid}-${puts.length}`, Buffer.from("x"))),
    putEveryMs,
  );
  let keys = 0;
  let atStart = 0;
  try {
    await setTimeout(headStartMs);
    atStart = puts.length;
    const sample = await measure(1, async () => {
      keys = await store.countAll();
    });
    const isWhole = keys >= before && keys <= before + puts.length;
    const fault =
      atStart > 0 && isWhole ? undefined : `${keys} keys, ${atStart} of ${puts.length} puts before`;
    return { ...sample, keys, puts: puts.length, fault };
  } finally {
    clearInterval(timer);
    await Promise.all(puts);
    await store.close();
  }
}

/**
 * @param {import("../harness/contracts.js").Store} store
 * @param {string} dir
 * @param {string} middleKey
 */
async function warmUp(store, dir, middleKey) {
  const cursor = await cursorOf(dir, middleKey);
  await workers(repetitions, 1, async () => {
    await store.firstPage();
    await store.middlePage(cursor);
  });
  await store.countAll();
  await store.close();
}

/**
 * @param {string} dir
 * @param {string} middleKey
 */
async function cursorOf(dir, middleKey) {
  try {
    return await readFile(`${dir}.cursor`, "utf8");
  } catch {
    return middleKey;
  }
}
