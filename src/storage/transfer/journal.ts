import { closeSync, fchmodSync, mkdirSync, openSync, writeSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { StorageConfigurationError } from "../contract/error.js";
import {
  formatEntry,
  isStill,
  isTelling,
  type JournalEntry,
  parseEntry,
  parseFields,
} from "./journal-entry.js";
import type { FilePair } from "./pair-files.js";

const format = "svc-infra storage copy 1";
/** Only the owner may read the keys of a storage. */
const ownerOnly = 0o600;

export interface JournalOptions {
  /** Says from where to where; a journal of another route is refused. */
  readonly route: string;
  /** Whether nothing shall be noted. */
  readonly isReadOnly: boolean;
}

/** What is known beside the listings when both ends have the same object. */
export interface Sighting extends Pick<JournalEntry, "targetMs" | "isVerified"> {
  readonly writtenMs?: number | undefined;
  readonly seenMs: number;
}

/**
 * What has been copied, as a file of lines that are added one by one: a process that is killed loses the line that
 * it was writing and no other. It saves questions and decides nothing: an entry holds only while both listings
 * still show the object as it was noted.
 */
export class Journal {
  readonly #entries: ReadonlyMap<string, JournalEntry>;
  readonly #lastNotedMs: number;
  #file: number | undefined;
  #problem: Error | undefined;

  private constructor(entries: ReadonlyMap<string, JournalEntry>, file: number | undefined) {
    this.#entries = entries;
    this.#lastNotedMs = [...entries.values()].reduce((last, { notedMs }) => Math.max(last, notedMs), 0);
    this.#file = file;
  }

  /**
   * Opens a journal, or begins one.
   *
   * @throws StorageConfigurationError when the file is of another route, or cannot be used.
   */
  static async open(path: string, { route, isReadOnly }: JournalOptions): Promise<Journal> {
    try {
      if (!isReadOnly) mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      const handle = await open(path, isReadOnly ? "r" : "a+", ownerOnly);
      const entries = await readEntries(handle, path, route).finally(() => handle.close());
      if (isReadOnly) return new Journal(entries ?? new Map(), undefined);
      const file = openSync(path, "a");
      // One of an earlier version, or made by hand, may be open to others.
      fchmodSync(file, ownerOnly);
      // What stands behind half a line would be lost with it.
      writeSync(file, entries === undefined ? `${JSON.stringify({ format, route })}\n` : "\n");
      return new Journal(entries ?? new Map(), file);
    } catch (error) {
      if (error instanceof StorageConfigurationError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new StorageConfigurationError({ message: `the journal cannot be kept: ${reason}`, cause: error });
    }
  }

  /** Why nothing is noted any more, as when the disk is full; `undefined` while all is well. */
  get problem(): Error | undefined {
    return this.#problem;
  }

  /** Whether both ends have the same object, as far as the listings and what was noted can tell. */
  tells(pair: FilePair, { isVerified }: Pick<JournalEntry, "isVerified">): boolean {
    const entry = this.#entries.get(pair.source.key);
    if (entry === undefined || (isVerified && !entry.isVerified)) return false;
    return isStill(entry, pair, this.#lastNotedMs);
  }

  /**
   * Notes that both ends have the same object, unless the source may since have changed without showing it.
   *
   * @param targetMs - when the target was last modified, in milliseconds since the epoch.
   * @param writtenMs - when the answer to the write came; absent of what was there already.
   * @param seenMs - when the source was described.
   */
  note({ source }: FilePair, { targetMs, writtenMs, seenMs, isVerified }: Sighting): void {
    const sourceMs = source.lastModified.getTime();
    if (!isTelling(sourceMs, seenMs)) return;
    const { key, size } = source;
    this.#append(formatEntry({ key, size, sourceMs, targetMs, writtenMs, notedMs: Date.now(), isVerified }));
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  /** A copy must go on although its journal cannot be written. */
  #append(line: string): void {
    if (this.#file === undefined || this.#problem !== undefined) return;
    try {
      writeSync(this.#file, `${line}\n`);
    } catch (error) {
      this.#problem = error instanceof Error ? error : new Error(String(error));
    }
  }
}

/** The entries of a journal, the last one of each key; `undefined` of an empty file. */
async function readEntries(
  file: FileHandle,
  path: string,
  route: string,
): Promise<Map<string, JournalEntry> | undefined> {
  let entries: Map<string, JournalEntry> | undefined;
  for await (const line of file.readLines({ start: 0 })) {
    if (entries === undefined) checkHead(line, path, route);
    entries ??= new Map();
    const entry = parseEntry(line);
    if (entry !== undefined) entries.set(entry.key, entry);
  }
  return entries;
}

function checkHead(line: string, path: string, route: string): void {
  const head = parseFields(line);
  if (head.format !== format) {
    throw new StorageConfigurationError({ message: `'${path}' is not the journal of a copy` });
  }
  if (head.route !== route) {
    throw new StorageConfigurationError({
      message: `'${path}' is the journal of another copy: ${head.route}`,
    });
  }
}
