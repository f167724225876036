import { close, fsync, mkdir, open, rename, stat, write } from "node:fs";
import { get, makeFolder, settle } from "./raw-fs.js";

let names = 0;

/**
 * The same work as ours by callbacks: a temporary file for the body and one for a JSON sidecar, both renamed
 * into place; when durable, both files and both folders are synced. No lock, no checksum, no validation: two
 * writers of one key can still leave the body of one with the sidecar of the other.
 *
 * @type {import("../harness/contracts.js").Adapter}
 */
export const adapter = {
  name: "raw-fs-safe",
  layout: "raw-sidecar",
  open: async ({ dir, isDurable }) => {
    const store = new SafeStore(dir, isDurable);
    await store.prepare();
    return {
      put: (key, bytes) => store.put(key, bytes),
      get: (key) => store.get(key),
      stat: (key) => store.stat(key),
      close: () => store.close(),
    };
  },
};

class SafeStore {
  #dir;
  #isDurable;
  /** Descriptors of folders, opened once: opening one for each sync would be wasted work. @type {Map<string, Promise<number>>} */
  #folders = new Map();

  /**
   * @param {string} dir
   * @param {boolean} isDurable
   */
  constructor(dir, isDurable) {
    this.#dir = dir;
    this.#isDurable = isDurable;
  }

  prepare() {
    return new Promise((resolve, reject) => {
      mkdir(`${this.#dir}/.tmp`, { recursive: true }, settle(resolve, reject));
    });
  }

  /**
   * @param {string} key
   * @param {Uint8Array} bytes
   */
  async put(key, bytes) {
    const meta = {
      contentType: "application/octet-stream",
      metadata: { owner: "u1" },
      size: bytes.byteLength,
    };
    await Promise.all([
      this.#replace(`${this.#dir}/body/${key}`, bytes),
      this.#replace(`${this.#dir}/meta/${key}.json`, Buffer.from(JSON.stringify(meta))),
    ]);
  }

  /**
   * The body and what is kept beside it, without which nobody could say whether the bytes are the ones stored.
   *
   * @param {string} key
   */
  async get(key) {
    const [bytes, text] = await Promise.all([
      this.#read(`${this.#dir}/body/${key}`),
      this.#read(`${this.#dir}/meta/${key}.json`),
    ]);
    JSON.parse(text.toString());
    return bytes;
  }

  /** @param {string} key */
  async stat(key) {
    const [stats, text] = await Promise.all([
      new Promise((resolve, reject) => stat(`${this.#dir}/body/${key}`, settle(resolve, reject))),
      this.#read(`${this.#dir}/meta/${key}.json`),
    ]);
    return { ...JSON.parse(text.toString()), size: stats.size };
  }

  async close() {
    for (const fd of await Promise.all(this.#folders.values())) close(fd);
  }

  /**
   * @param {string} path
   * @returns {Promise<Uint8Array>}
   */
  #read(path) {
    return new Promise((resolve, reject) => get(path, settle(resolve, reject)));
  }

  /**
   * @param {string} path
   * @param {Uint8Array} bytes
   */
  async #replace(path, bytes) {
    const temp = `${this.#dir}/.tmp/${process.pid}-${names++}`;
    await new Promise((resolve, reject) => this.#writeTemp(temp, bytes, settle(resolve, reject)));
    await new Promise((resolve, reject) => publish(temp, path, settle(resolve, reject)));
    if (this.#isDurable) await this.#syncFolder(path.slice(0, path.lastIndexOf("/")));
  }

  /**
   * @param {string} temp
   * @param {Uint8Array} bytes
   * @param {(error: unknown) => void} done
   */
  #writeTemp(temp, bytes, done) {
    open(temp, "wx", (error, fd) => {
      if (error) return done(error);
      const finish = (/** @type {unknown} */ failure) => close(fd, (last) => done(failure ?? last));
      write(fd, bytes, (failure) => (failure || !this.#isDurable ? finish(failure) : fsync(fd, finish)));
    });
  }

  /** @param {string} folder */
  async #syncFolder(folder) {
    let fd = this.#folders.get(folder);
    if (fd === undefined) {
      fd = new Promise((resolve, reject) => open(folder, "r", settle(resolve, reject)));
      this.#folders.set(folder, fd);
    }
    const opened = await fd;
    await new Promise((resolve, reject) => fsync(opened, settle(resolve, reject)));
  }
}

/**
 * @param {string} temp
 * @param {string} path
 * @param {(error: unknown) => void} done
 */
function publish(temp, path, done) {
  rename(temp, path, (error) => {
    if (error?.code === "ENOENT") return makeFolder(path, done, () => rename(temp, path, done));
    done(error);
  });
}
