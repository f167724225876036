import { close, closeSync, fdatasync, fdatasyncSync, fsync, fsyncSync, open, openSync } from "node:fs";
import { errnoOf } from "./disk-error.js";
import type { Stopwatch } from "./stopwatch.js";

/** Something to make durable; who has an interest in it is told of a failure. */
export interface SyncTask {
  /** A folder by its path, or an open file: its bytes and what is needed to find them, or also its date. */
  readonly what: { readonly folder: string } | { readonly content: number } | { readonly file: number };
  readonly fail: (error: unknown) => void;
}

/** Makes files and folders durable, or only pretends to when that was not asked for; the order is the same. */
export class Sync {
  readonly isDurable: boolean;
  readonly #stopwatch: Stopwatch;

  constructor(isDurable: boolean, stopwatch: Stopwatch) {
    this.isDurable = isDurable;
    this.#stopwatch = stopwatch;
  }

  content(fd: number): void {
    if (this.isDurable) this.#stopwatch.time(() => fdatasyncSync(fd));
  }

  folder(path: string): void {
    if (this.isDurable) this.#stopwatch.time(() => syncFolder(path));
  }

  /** One after the other. */
  all(tasks: readonly SyncTask[]): void {
    for (const { what, fail } of tasks) {
      try {
        if ("folder" in what) this.folder(what.folder);
        else if ("content" in what) this.content(what.content);
        else if (this.isDurable) this.#stopwatch.time(() => fsyncSync(what.file));
      } catch (error) {
        fail(error);
      }
    }
  }

  /** At once, on the thread pool of the process: a disk syncs several files as fast as one. */
  async together(tasks: readonly SyncTask[]): Promise<void> {
    if (this.isDurable) await Promise.all(tasks.map(syncLater));
  }
}

function syncLater({ what, fail }: SyncTask): Promise<void> {
  return new Promise((resolve) => {
    const done = (error: unknown) => {
      if (error) fail(error);
      resolve();
    };
    if ("content" in what) fdatasync(what.content, done);
    else if ("file" in what) fsync(what.file, done);
    else syncFolderLater(what.folder, done);
  });
}

function syncFolderLater(path: string, done: (error: unknown) => void): void {
  open(path, "r", (failure, fd) => {
    if (failure) return done(failure.code === "ENOENT" ? undefined : failure);
    fsync(fd, (error) => close(fd, () => done(error)));
  });
}

/** A folder that is gone has nothing left to keep: whoever removed it syncs its parent. */
function syncFolder(path: string): void {
  const fd = openIfThere(path);
  if (fd === undefined) return;
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
