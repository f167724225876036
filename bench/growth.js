#!/usr/bin/env node
import { fork } from "node:child_process";
import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { easyStorage } from "../dist/storage/easy-storage.js";
import { flatKeyOf, keyOf } from "./harness/keys.js";
import { measure } from "./harness/measure.js";
import { workers } from "./harness/workers.js";

const help = `node bench/growth.js [options]

How the local backend behind the default layers grows with the size of objects, with calls at once, with the number of objects
in a folder, and with the folders that 10,000 objects are in. Each line is a process of its own, with the most descriptors that
it had. Needs a build.

Options
  --dir /dev/shm   where data is kept
  --large          also one object of 10 GiB and a folder of 1,000,000 names
  --help
`;

const { values } = parseArgs({
  options: {
    dir: { type: "string", default: "/dev/shm" },
    large: { type: "boolean", default: false },
    line: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

const objectsInFolders = 10_000;
const small = Buffer.alloc(4096, "x");

/** What one line measures; `amount` is bytes, calls at once, names, or folders. @type {Record<string, (dir: string, amount: number) => Promise<string>>} */
const lines = {
  size: async (dir, bytes) => {
    const storage = await opened(dir);
    const put = await measure(1, () => storage.put("object", pieces(bytes), { size: bytes }));
    const get = await measure(1, () => drain(storage));
    await storage.close();
    const rate = (/** @type {Measure} */ each) => `${Math.round(bytes / 1e3 / each.ms)} MB/s`;
    return `put ${rate(put)}, +${put.growthMiB.toFixed(0)} MiB; get ${rate(get)}, +${get.growthMiB.toFixed(0)} MiB`;
  },
  atOnce: async (dir, concurrency) => {
    const storage = await opened(dir);
    const count = 10_000;
    await workers(3_000, concurrency, (index) => storage.put(`warm/${keyOf(index)}`, small));
    const { put, get } = await putAndGet(storage, count, concurrency, keyOf);
    await storage.close();
    return `${cpuOf(put, get)}; peak ${put.peakRssMiB.toFixed(0)} MiB`;
  },
  fill: async (dir, names) => {
    const storage = await opened(dir);
    await workers(names, 16, (index) => storage.put(flatKeyOf(index), small.subarray(0, 1)));
    await storage.close();
    return "";
  },
  names: async (dir, names) => {
    // By another process, so that what it takes is not counted here.
    await sample("fill", dir, names);
    const start = await measure(1, async () => {
      const storage = await opened(dir);
      await storage.exists(flatKeyOf(0));
      await storage.close();
    });
    const storage = await opened(dir);
    const first = await measure(1, () => storage.list());
    const again = await measure(20, () => workers(20, 1, () => storage.list()));
    await storage.close();
    return `open and first call ${ms(start.ms)}; first page ${ms(first.ms)}, +${first.growthMiB.toFixed(0)} MiB; page again ${ms(again.ms / 20)}`;
  },
  folders: async (dir, folders) => {
    const storage = await opened(dir);
    const { put, get } = await putAndGet(
      storage,
      objectsInFolders,
      16,
      (index) => `f${index % folders}/${flatKeyOf(index)}`,
    );
    const all = await measure(1, async () => {
      for await (const _key of storage.listAllKeys());
    });
    await storage.close();
    return `${cpuOf(put, get)}; all keys ${ms(all.ms)}, +${all.growthMiB.toFixed(0)} MiB`;
  },
};

/**
 * @param {import("../dist/storage/index.js").Storage} storage
 * @param {number} count
 * @param {number} concurrency
 * @param {(index: number) => string} name
 */
async function putAndGet(storage, count, concurrency, name) {
  const put = await measure(count, () =>
    workers(count, concurrency, (index) => storage.put(name(index), small)),
  );
  const get = await measure(count, () => workers(count, concurrency, (index) => storage.get(name(index))));
  return { put, get };
}

/** @typedef {import("./harness/measure.js").Measure} Measure */

/**
 * @param {Measure} put
 * @param {Measure} get
 */
function cpuOf(put, get) {
  return `put ${put.cpuUs.toFixed(0)} us of CPU, get ${get.cpuUs.toFixed(0)} us`;
}

/** @param {number} each */
function ms(each) {
  return `${each.toFixed(1)} ms`;
}

/** @type {readonly (readonly [line: string, amount: number, words: string])[]} */
const plan = [
  ["size", 2 ** 10, "1 KiB"],
  ["size", 2 ** 20, "1 MiB"],
  ["size", 64 * 2 ** 20, "64 MiB"],
  ["size", 2 ** 30, "1 GiB"],
  ...(values.large ? [/** @type {const} */ (["size", 10 * 2 ** 30, "10 GiB"])] : []),
  ...[1, 16, 64, 256].map((count) => /** @type {const} */ (["atOnce", count, `${count} at once`])),
  ...[1, 1_000, 100_000].map((count) => /** @type {const} */ (["names", count, `${count} names`])),
  ...(values.large ? [/** @type {const} */ (["names", 1_000_000, "1000000 names"])] : []),
  ...[1, 100, 10_000].map((count) => /** @type {const} */ (["folders", count, `${count} folders`])),
];

/** @param {string} dir */
function opened(dir) {
  const env = {
    STORAGE_BACKEND: "local",
    STORAGE_BASE_PATH: dir,
    STORAGE_DURABILITY: "fast",
    STORAGE_MAX_UPLOAD_BYTES: String(2 ** 40),
  };
  return easyStorage({}, env);
}

/** @param {number} total */
async function* pieces(total) {
  const piece = Buffer.alloc(65_536, "x");
  for (let left = total; left > 0; left -= piece.byteLength) {
    yield left < piece.byteLength ? piece.subarray(0, left) : piece;
  }
}

/** @param {import("../dist/storage/index.js").Storage} storage */
async function drain(storage) {
  for await (const _piece of (await storage.open("object")).body);
}

/**
 * @param {string} line
 * @param {string} dir
 * @param {number} amount
 * @returns {Promise<string>}
 */
function sample(line, dir, amount) {
  const args = ["--line", JSON.stringify([line, dir, amount])];
  const child = fork(fileURLToPath(import.meta.url), args, { execArgv: ["--expose-gc"] });
  return new Promise((resolve, reject) => {
    child.on("message", (answer) => resolve(String(answer)));
    child.on("exit", (code) => code !== 0 && reject(new Error(`${line} ${amount} ended with code ${code}`)));
  });
}

if (values.help) {
  process.stdout.write(help);
} else if (values.line !== undefined) {
  const [line, dir, amount] = JSON.parse(values.line);
  let descriptors = 0;
  const count = () => {
    descriptors = Math.max(descriptors, readdirSync("/proc/self/fd").length);
  };
  const watch = setInterval(count, 20);
  const told = await lines[line]?.(dir, amount);
  clearInterval(watch);
  count();
  process.send?.(`${told}; ${descriptors} descriptors`, () => process.disconnect());
} else {
  for (const [line, amount, words] of plan) {
    const dir = await mkdtemp(`${values.dir}/svc-infra-growth-`);
    process.stdout.write(`${words.padEnd(16)} ${await sample(line, `${dir}/data`, amount)}\n`);
    await rm(dir, { recursive: true, force: true });
  }
}
