import { closeSync, constants, openSync } from "node:fs";
import { errnoOf } from "./disk-error.js";
import { seal } from "./journal-name.js";
import { folderOf, type Layout } from "./layout.js";
import type { Sync } from "./sync.js";
import { createFlags, fileMode, writeAll } from "./whole-file.js";

/** Some ten thousand records, which are replayed at once. */
const maxBytes = 4 * 1024 * 1024;
/** Milliseconds for which a journal is added to. */
export const maxJournalMs: number = 10 * 60 * 1000;
const appendFlags = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW;
const newline = Buffer.from("\n");

/** The records of writes that go together, in a journal. */
export interface JournalBatch {
  /** Open file that holds them: once it has been synced they are durable. */
  readonly fd: number;
  /** The file could not be synced, and is not to be trusted any more. */
  distrust(): void;
  /** The writes have ended, one way or the other. */
  end(): void;
}

/** A file of records, and how many of its writes have not ended. */
interface Journal {
  readonly name: string;
  readonly startMs: number;
  bytes: number;
  writes: number;
}

/**
 * Where durable writes note their records, one line each: a file is synced once for all that go together, where a
 * sidecar each would have to be. Sidecars become durable later, in a checkpoint.
 */
export class JournalWriter {
  readonly #layout: Layout;
  readonly #newName: () => string;
  readonly #sync: Sync;
  #current: Journal | undefined;

  constructor(layout: Layout, sync: Sync, newName: () => string) {
    this.#layout = layout;
    this.#sync = sync;
    this.#newName = newName;
  }

  /** Adds records. Who adds has to `end()` the batch. */
  append(records: readonly Uint8Array[]): JournalBatch {
    // Before a line a torn one may stand. Behind it may come zeros: a file can grow on disk before what was added to it.
    const lines = Buffer.concat(records.flatMap((record) => [newline, record, newline]));
    const { journal, fd } = this.#open();
    journal.writes++;
    journal.bytes += lines.byteLength;
    const batch = { fd, distrust: () => this.#leave(journal), end: () => this.#end(journal, fd) };
    try {
      writeAll(fd, lines);
      return batch;
    } catch (error) {
      batch.end();
      throw error;
    }
  }

  #open(): { readonly journal: Journal; readonly fd: number } {
    const journal = this.#current;
    if (journal !== undefined && !isFull(journal)) {
      const fd = openAgain(this.#layout.journal(journal.name));
      if (fd !== undefined) return { journal, fd };
    }
    if (journal !== undefined) this.#leave(journal);
    return this.#create();
  }

  /** The next records go into another one. */
  #leave(journal: Journal): void {
    if (this.#current === journal) this.#current = undefined;
    this.#sealIfDone(journal);
  }

  #create(): { readonly journal: Journal; readonly fd: number } {
    const name = this.#newName();
    const path = this.#layout.journal(name);
    closeSync(openSync(path, createFlags, fileMode));
    this.#sync.folder(folderOf(path));
    const fd = openSync(path, appendFlags);
    this.#current = { name, startMs: performance.now(), bytes: 0, writes: 0 };
    return { journal: this.#current, fd };
  }

  #end(journal: Journal, fd: number): void {
    closeSync(fd);
    journal.writes--;
    if (journal !== this.#current) this.#sealIfDone(journal);
  }

  /** A record whose write is still under way is not where a checkpoint would look for it. */
  #sealIfDone({ name, writes }: Journal): void {
    if (writes === 0) seal(this.#layout.journals, name);
  }
}

function isFull({ startMs, bytes }: Journal): boolean {
  return bytes >= maxBytes || performance.now() - startMs > maxJournalMs;
}

/** `undefined` when it is gone. */
function openAgain(path: string): number | undefined {
  try {
    return openSync(path, appendFlags);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
