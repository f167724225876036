import { closeSync, constants, mkdirSync, openSync, renameSync } from "node:fs";
import { errnoOf } from "./disk-error.js";
import { fullPath } from "./journal-name.js";
import { folderOf, type Layout } from "./layout.js";
import { createFlags, fileMode, folderMode, writeAll } from "./whole-file.js";

/** Some ten thousand records, which are replayed at once. */
const maxBytes = 4 * 1024 * 1024;
/** Milliseconds for which a journal is added to. */
export const maxJournalMs: number = 10 * 60 * 1000;
const appendFlags = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW;
const newline = Buffer.from("\n");

/** The records of writes that go together. */
export interface JournalEntry {
  /** Open file that holds them: once it has been synced they are durable. */
  readonly fd: number;
  /** The writes have ended, one way or the other. */
  end(): void;
}

/** A file of records, and how many of its writes have not ended. */
interface Journal {
  readonly path: string;
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
  readonly #syncFolder: (path: string) => void;
  #current: Journal | undefined;

  constructor(layout: Layout, newName: () => string, syncFolder: (path: string) => void) {
    this.#layout = layout;
    this.#newName = newName;
    this.#syncFolder = syncFolder;
  }

  /** Adds records. Who adds has to `end()` the entry. */
  append(records: readonly Uint8Array[]): JournalEntry {
    // The line before may be a torn one.
    const lines = Buffer.concat(records.flatMap((record) => [newline, record]));
    const { journal, fd } = this.#open();
    journal.writes++;
    journal.bytes += lines.byteLength;
    const entry = { fd, end: () => this.#end(journal, fd) };
    try {
      writeAll(fd, lines);
      return entry;
    } catch (error) {
      entry.end();
      throw error;
    }
  }

  #open(): { readonly journal: Journal; readonly fd: number } {
    const journal = this.#current;
    if (journal !== undefined && !isFull(journal)) {
      const fd = openAgain(journal.path);
      if (fd !== undefined) return { journal, fd };
    }
    this.#current = undefined;
    if (journal !== undefined) closeIfDone(journal);
    return this.#create();
  }

  #create(): { readonly journal: Journal; readonly fd: number } {
    const path = this.#layout.journal(this.#newName());
    mkdirSync(folderOf(path), { recursive: true, mode: folderMode });
    closeSync(openSync(path, createFlags, fileMode));
    this.#syncFolder(folderOf(path));
    const fd = openSync(path, appendFlags);
    this.#current = { path, startMs: performance.now(), bytes: 0, writes: 0 };
    return { journal: this.#current, fd };
  }

  #end(journal: Journal, fd: number): void {
    closeSync(fd);
    journal.writes--;
    if (journal !== this.#current) closeIfDone(journal);
  }
}

function isFull({ startMs, bytes }: Journal): boolean {
  return bytes >= maxBytes || performance.now() - startMs > maxJournalMs;
}

/** A record whose write is still under way is not where a checkpoint would look for it. */
function closeIfDone(journal: Journal): void {
  if (journal.writes > 0) return;
  try {
    renameSync(journal.path, fullPath(journal.path));
  } catch {
    // It waits for the end of this process, as one does whose process is killed.
  }
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
