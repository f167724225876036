// @ts-check
import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createReadStream, createWriteStream, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { Crc32c } from "./crc32c.js";

/** Bytes up to which content stays in memory. */
const maxInMemory = 262_144;

/** The bytes of one version of an object, which never change. Objects share them; readers keep them when the last one is gone. */
export class Content {
  size;
  crc32c;
  /** In base64. */
  md5;
  #kept;
  #holders = 0;

  /**
   * @param {Buffer | string} kept - the bytes, or the path of their file.
   * @param {{ size: number, crc32c: string, md5: string }} facts
   */
  constructor(kept, { size, crc32c, md5 }) {
    this.#kept = kept;
    this.size = size;
    this.crc32c = crc32c;
    this.md5 = md5;
  }

  /** @param {number} start @param {number} end @returns {Readable} */
  read(start, end) {
    if (typeof this.#kept !== "string") return Readable.from([this.#kept.subarray(start, end)]);
    if (start >= end) return Readable.from([]);
    const fd = openSync(this.#kept, "r");
    return createReadStream("", { fd, start, end: end - 1, highWaterMark: 262_144 });
  }

  /** Another object has it. */
  hold() {
    this.#holders++;
    return this;
  }

  /** An object that had it is gone. */
  release() {
    this.#holders--;
    if (this.#holders === 0 && typeof this.#kept === "string") rmSync(this.#kept);
  }
}

/** Takes in bytes: into memory, and from some size on into a file. */
export class ContentWriter {
  /** @type {Buffer[]} */
  #pieces = [];
  #crc = new Crc32c();
  #md5 = createHash("md5");
  #path;
  /** @type {import("node:fs").WriteStream | undefined} */
  #file;
  size = 0;

  /** @param {string} folder */
  constructor(folder) {
    this.#path = join(folder, randomUUID());
  }

  /** @param {Uint8Array} bytes */
  async write(bytes) {
    if (bytes.byteLength === 0) return;
    this.size += bytes.byteLength;
    this.#crc.update(bytes);
    this.#md5.update(bytes);
    this.#pieces.push(Buffer.from(bytes));
    if (this.size > maxInMemory) await this.#spill();
  }

  async end() {
    const { size } = this;
    const facts = { size, crc32c: this.#crc.base64(), md5: this.#md5.digest("base64") };
    if (this.#file === undefined) return new Content(Buffer.concat(this.#pieces), facts);
    this.#file.end();
    await once(this.#file, "close");
    return new Content(this.#path, facts);
  }

  /** Forgets what came. */
  discard() {
    this.#file?.destroy();
    if (this.#file !== undefined) rmSync(this.#path, { force: true });
  }

  async #spill() {
    this.#file ??= createWriteStream("", { fd: openSync(this.#path, "w") });
    const bytes = Buffer.concat(this.#pieces.splice(0));
    if (!this.#file.write(bytes)) await once(this.#file, "drain");
  }
}

/**
 * One content of several.
 *
 * @param {string} folder
 * @param {readonly Content[]} contents
 */
export async function concatenate(folder, contents) {
  const writer = new ContentWriter(folder);
  for (const content of contents) {
    for await (const piece of content.read(0, content.size)) await writer.write(piece);
  }
  return writer.end();
}
