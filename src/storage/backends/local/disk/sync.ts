import { closeSync, fdatasync, fsync, openSync } from "node:fs";
import { promisify } from "node:util";
import { errnoOf } from "./disk-error.js";

const syncContent = promisify(fdatasync);
const syncFile = promisify(fsync);

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
  async content(fd: number): Promise<void> {
    if (this.isDurable) await syncContent(fd);
  }

  /** An open file with its date. */
  async file(fd: number): Promise<void> {
    if (this.isDurable) await syncFile(fd);
  }

  /** Everything that was changed in a folder before this call. A folder that is gone has nothing left to keep. */
  async folder(path: string): Promise<void> {
    if (!this.isDurable) return;
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

  /** Waits for syncs that have begun of folders above `path`: its entries are durable when they are. */
  async above(path: string): Promise<void> {
    const syncs = [...this.#waiting, ...this.#running];
    await Promise.all(syncs.filter(([folder]) => path.startsWith(`${folder}/`)).map(([, sync]) => sync));
  }

  /** After the sync that runs, which may have begun before the change, and after all that is done in this turn. */
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

async function syncFolder(path: string): Promise<void> {
  try {
    const fd = openSync(path || "/", "r");
    await syncFile(fd).finally(() => closeSync(fd));
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}
