import { close, createReadStream, createWriteStream, mkdir, open, read, stat, write } from "node:fs";
import { pipeline } from "node:stream/promises";
import { countSorted, sortedPage } from "./raw-walk.js";

const chunkBytes = 256 * 1024;
/** Reads that are done give their buffer back here. @type {Buffer[]} */
const pool = [];

/**
 * What the machine can do by callbacks, with no guarantee at all: a crash or a reader in the middle of a
 * write sees half an object, and nothing is kept but the bytes.
 *
 * @type {import("../harness/contracts.js").Adapter}
 */
export const adapter = {
  name: "raw-fs",
  layout: "plain",
  open: async ({ dir }) => ({
    put: (key, bytes) =>
      new Promise((resolve, reject) => put(`${dir}/${key}`, bytes, settle(resolve, reject))),
    get: (key) => new Promise((resolve, reject) => get(`${dir}/${key}`, settle(resolve, reject))),
    putStream: (key, source) =>
      pipeline(source, createWriteStream(`${dir}/${key}`, { highWaterMark: chunkBytes })),
    getStream: async (key) => createReadStream(`${dir}/${key}`, { highWaterMark: chunkBytes }),
    stat: (key) => new Promise((resolve, reject) => stat(`${dir}/${key}`, settle(resolve, reject))),
    countAll: () => countSorted(dir),
    firstPage: () => sortedPage(dir, "", 100),
    middlePage: (cursor) => sortedPage(dir, cursor, 100),
    pageOf1000: async (cursor = "") => {
      const items = await sortedPage(dir, cursor, 1000);
      return { items, next: items.at(-1) };
    },
    close: async () => undefined,
  }),
};

/**
 * @param {(value: any) => void} resolve
 * @param {(error: unknown) => void} reject
 * @returns {(error: unknown, value?: unknown) => void}
 */
export function settle(resolve, reject) {
  return (error, value) => (error ? reject(error) : resolve(value));
}

/**
 * @param {string} path
 * @param {Uint8Array} bytes
 * @param {(error: unknown) => void} done
 */
function put(path, bytes, done) {
  open(path, "w", (error, fd) => {
    if (error?.code === "ENOENT") return makeFolder(path, done, () => put(path, bytes, done));
    if (error) return done(error);
    write(fd, bytes, (failure) => close(fd, (last) => done(failure ?? last)));
  });
}

/**
 * @param {string} path
 * @param {(error: unknown) => void} failed
 * @param {() => void} done
 */
export function makeFolder(path, failed, done) {
  mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true }, (error) =>
    error ? failed(error) : done(),
  );
}

/**
 * One read into a pooled buffer; what fills it is not small and is out of place here.
 *
 * @param {string} path
 * @param {(error: unknown, bytes?: Uint8Array) => void} done
 */
export function get(path, done) {
  open(path, "r", (error, fd) => {
    if (error) return done(error);
    const buffer = pool.pop() ?? Buffer.allocUnsafeSlow(64 * 1024);
    read(fd, buffer, 0, buffer.length, 0, (failure, size) => {
      const bytes = Buffer.from(buffer.subarray(0, size));
      pool.push(buffer);
      close(fd, (last) => done(failure ?? last, bytes));
    });
  });
}
