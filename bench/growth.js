#!/usr/bin/env node
import { fork } from "node:child_process";
import { closeSync, mkdirSync, openSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { easyStorage } from "../dist/storage/easy-storage.js";
import { flatKeyOf, keyOf } from "./harness/keys.js";
import { measure } from "./harness/measure.js";
import { workers } from "./harness/workers.js";

const help = `node bench/growth.js [options]

How the local backend behind the default layers grows with the size of objects, with calls at once, and with the number of
objects in a folder. Each line is a process of its own. Needs a build.

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

/** What one line measures; `amount` is bytes, calls at once, or names. @type {Record<string, (dir: string, amount: number) => Promise<string>>} */
const lines = {
  size: async (dir, bytes) => {
    const storage = await opened(dir);
    const put = await measure(1, () => storage.put("object", pieces(bytes), { size: bytes }));
    const get = await measure(1, () => drain(storage));
    await storage.close();
    const rate = (/** @type {import("./harness/measure.js").Measure} */ { ms }) =>
      `${Math.round(bytes / 1e3 / ms)} MB/s`;
    return `put ${rate(put)}, +${put.growthMiB.toFixed(0)} MiB; get ${rate(get)}, +${get.growthMiB.toFixed(0)} MiB`;
  },
  atOnce: async (dir, concurrency) => {
    const storage = await opened(dir);
    const bytes = Buffer.alloc(4096, "x");
    let descriptors = 0;
    const watch = setInterval(() => {
      descriptors = Math.max(descriptors, readdirSync("/proc/self/fd").length);
    }, 20);
    const count = 10_000;
    await workers(3_000, concurrency, (index) => storage.put(`warm/${keyOf(index)}`, bytes));
    const put = await measure(count, () =>
      workers(count, concurrency, (index) => storage.put(keyOf(index), bytes)),
    );
    const get = await measure(count, () => workers(count, concurrency, (index) => storage.get(keyOf(index))));
    clearInterval(watch);
    await storage.close();
    return `put ${put.cpuUs.toFixed(0)} us of CPU, get ${get.cpuUs.toFixed(0)} us; peak ${put.peakRssMiB.toFixed(0)} MiB, ${descriptors} descriptors`;
  },
  names: async (dir, names) => {
    mkdirSync(dir, { recursive: true });
    for (let index = 0; index < names; index += 1) closeSync(openSync(`${dir}/${flatKeyOf(index)}`, "w"));
    const start = await measure(1, async () => {
      const storage = await opened(dir);
      await storage.exists(flatKeyOf(0));
      await storage.close();
    });
    const storage = await opened(dir);
    const first = await measure(1, () => storage.list());
    const again = await measure(20, () => workers(20, 1, () => storage.list()));
    await storage.close();
    const ms = (/** @type {number} */ each) => `${each.toFixed(1)} ms`;
    return `open and first call ${ms(start.ms)}; first page ${ms(first.ms)}, +${first.growthMiB.toFixed(0)} MiB; page again ${ms(again.ms / 20)}`;
  },
};

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
  process.send?.(await lines[line]?.(dir, amount), () => process.disconnect());
} else {
  for (const [line, amount, words] of plan) {
    const dir = await mkdtemp(`${values.dir}/svc-infra-growth-`);
    process.stdout.write(`${words.padEnd(16)} ${await sample(line, `${dir}/data`, amount)}\n`);
    await rm(dir, { recursive: true, force: true });
  }
}
