import { closeSync, fdatasync, fsync, openSync } from "node:fs";
import { errnoOf } from "./disk-error.js";

const done: Promise<void> = Promise.resolve();

/**
 * Makes files and folders durable, or does nothing when that was not asked for; the order of the steps is the same. Each
 * sync of a folder is shared by all who ask for it before it begins.
 */
export class Sync {
  readonly isDurable: boolean;
  readonly #waiting = new Map<string, Promise<void>>();
  readonly #running = new Map<string, Promise<void>>();

  constructor(isDurable: boolean) {
    this.isDurable = isDurable;
  }

  /** The bytes of an open file, and what is needed to find them. */
  content(fd: number): Promise<void> {
    return this.isDurable ? called(fdatasync, fd) : done;
  }

  /** An open file with its date. */
  file(fd: number): Promise<void> {
    return this.isDurable ? called(fsync, fd) : done;
  }

  /** Everything that was changed in a folder before this call. One that is gone, or became an object, has nothing left to keep. */
  folder(path: string): Promise<void> {
    if (!this.isDurable) return done;
    const waiting = this.#waiting.get(path);
    if (waiting !== undefined) return waiting;
    const begun = this.#begin(path);
    this.#waiting.set(path, begun);
    return begun;
  }

  /** Begins to sync a folder in which a new folder lies; {@link above} waits for it. */
  begin(path: string): void {
    this.folder(path).catch(() => undefined);
  }

  /** The syncs that have begun of folders above `path`: its entries are durable when they are. */
  above(path: string): Promise<void>[] {
    const syncs: Promise<void>[] = [];
    for (let end = path.lastIndexOf("/"); end >= 0; end = end === 0 ? -1 : path.lastIndexOf("/", end - 1)) {
      const folder = path.slice(0, end);
      for (const sync of [this.#waiting.get(folder), this.#running.get(folder)])
        if (sync !== undefined) syncs.push(sync);
    }
    return syncs;
  }

  /** Starts after the running sync, which may predate the change, and after the work of this turn. */
  async #begin(path: string): Promise<void> {
    await this.#running.get(path)?.catch(() => undefined);
    const running = syncFolder(path);
    this.#waiting.delete(path);
    this.#running.set(path, running);
    try {
      await running;
    } finally {
      if (this.#running.get(path) === running) this.#running.delete(path);
    }
  }
}

/** Leaner than `promisify`, which matters for three of them a write. */
function called(
  sync: (fd: number, callback: (error: NodeJS.ErrnoException | null) => void) => void,
  fd: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    sync(fd, (error) => (error === null ? resolve() : reject(error)));
  });
}

async function syncFolder(path: string): Promise<void> {
  try {
    const fd = openSync(path || "/", "r");
    await called(fsync, fd).finally(() => closeSync(fd));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== "ENOENT" && errno !== "ENOTDIR") throw error;
  }
}
