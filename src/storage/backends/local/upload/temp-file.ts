import { close, fchmodSync, open, unlink, writev } from "node:fs";
import { promisify } from "node:util";
import { createFlags, fileMode } from "../disk/files.js";
import type { Sync } from "../disk/sync.js";

const openFile = promisify(open);
const closeFile = promisify(close);
const unlinkFile = promisify(unlink);
/** So many bytes are synced at once: all of a large body may take longer than a deadline waits for progress. */
const syncedBytes = 64 * 1024 * 1024;

/** A body while it is written: piece by piece, then committed or discarded. */
export class TempFile {
  readonly path: string;
  readonly fd: number;
  readonly #sync: Sync;
  #size = 0;
  #unsyncedBytes = 0;
  #isClosed = false;

  private constructor(path: string, fd: number, sync: Sync) {
    this.path = path;
    this.fd = fd;
    this.#sync = sync;
  }

  /** @param at - a name of `path` that follows no link. */
  static async create(path: string, at: string, sync: Sync): Promise<TempFile> {
    return new TempFile(path, await openFile(at, createFlags, fileMode), sync);
  }

  /** A complete file, which gets the mode of every other file. */
  static ofClone(path: string, fd: number, sync: Sync): TempFile {
    fchmodSync(fd, fileMode);
    return new TempFile(path, fd, sync);
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#size;
  }

  async write(pieces: readonly Uint8Array[], onProgress?: () => void): Promise<void> {
    let rest = pieces;
    while (rest.length > 0) {
      const written = await writeSome(this.fd, rest);
      this.#size += written;
      this.#unsyncedBytes += written;
      if (this.#unsyncedBytes >= syncedBytes) await this.sync();
      onProgress?.();
      rest = behind(rest, written);
    }
  }

  /** Makes the bytes durable, where that was asked for. */
  async sync(): Promise<void> {
    await this.#sync.content(this.fd);
    this.#unsyncedBytes = 0;
  }

  /** Closes once: by the second time the number may be another file's. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await closeFile(this.fd);
  }

  /** Never fails: it is called where there is an error to report already. */
  async discard(): Promise<void> {
    await Promise.allSettled([this.close(), unlinkFile(this.path)]);
  }
}

function writeSome(fd: number, pieces: readonly Uint8Array[]): Promise<number> {
  return new Promise((resolve, reject) => {
    writev(fd, pieces, (error, written) => (error ? reject(error) : resolve(written)));
  });
}

/** writev(2) may stop early when the disk is nearly full. */
function behind(pieces: readonly Uint8Array[], written: number): readonly Uint8Array[] {
  let skip = written;
  let index = 0;
  for (const piece of pieces) {
    if (skip < piece.byteLength) break;
    skip -= piece.byteLength;
    index++;
  }
  const [first, ...others] = pieces.slice(index);
  return first === undefined ? [] : [first.subarray(skip), ...others];
}
