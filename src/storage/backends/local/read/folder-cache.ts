import { type Dir, type Dirent, opendirSync, type Stats, statSync } from "node:fs";
import { reservedSegment } from "../../../contract/key.js";
import { errnoOf } from "../disk/disk-error.js";
import {
  type FolderIdentity,
  identityOf,
  isSameFolder,
  isSettled,
  type SeenFolder,
  seeAgain,
} from "./folder-identity.js";
import { SortedNames } from "./sorted-names.js";

/** Names kept over all folders; about 100 bytes each. A folder with more of them is read for each page. */
const maxNames = 1_000_000;
/** What a folder takes besides its names, in names. */
const namesOfFolder = 5;
/** Entries read in one call of the thread pool; between two of them the event loop goes round. */
const entriesPerCall = 1024;
/**
 * A folder of more names is not read for each page while it changes: a listing that goes on takes the names that were read
 * since it began, for so many milliseconds.
 */
const maxReadNames = 10_000;
const maxAgeMs = 2000;
const nameOfKey = /^[A-Za-z0-9._-]+$/;

/** What a folder held when it was read. */
export interface Folder {
  /**
   * Names that can be part of keys, in the order of the keys they lead to: subfolders end with `/`, which is why
   * `a.b` comes before `a/`. Links are not names.
   */
  readonly names: readonly string[];
  /** As long as it has this identity it holds these names; `undefined` where that cannot be told. */
  readonly identity: FolderIdentity | undefined;
}

/** The part of a key that the name of a file or folder stands for. */
type SegmentOf = (name: string) => string | undefined;

interface CachedFolder extends Folder {
  /** When the names were read, by `performance.now()`. */
  readonly startMs: number;
  readonly endMs: number;
  readonly seen: SeenFolder;
}

export const noFolder: Folder = { names: [], identity: undefined };

/** Sorted names of folders, the least recently used dropped first. */
export class FolderCache {
  readonly #folders = new Map<string, CachedFolder>();
  readonly #segmentOf: SegmentOf;
  #names = 0;

  /** @param segmentOf - the part of a key that a name stands for. Default: the name. */
  constructor(segmentOf: SegmentOf = (name) => name) {
    this.#segmentOf = segmentOf;
  }

  /**
   * The folder at `path`, which need not be there.
   *
   * @param at - a name by which no link is followed, for the calls that follow at once.
   * @param sinceMs - names of a large folder may be those of this time or later. Default: those of now.
   */
  async folderAt(path: string, at: string, sinceMs: number = Number.POSITIVE_INFINITY): Promise<Folder> {
    const stats = statFolder(at);
    if (!stats?.isDirectory()) return noFolder;
    const identity = identityOf(stats);
    const cached = this.#folders.get(path);
    const isValid =
      cached !== undefined && (isSameFolder(cached.identity, identity) || isRecent(cached, sinceMs));
    const folder = isValid ? cached : await this.#read(at, seeAgain(cached?.seen, identity));
    this.#keep(path, folder);
    return folder;
  }

  async #read(at: string, seen: SeenFolder): Promise<CachedFolder> {
    const startMs = performance.now();
    const identity = isSettled(seen, startMs) ? seen.identity : undefined;
    const folder = openFolder(at);
    const names = folder === undefined ? [] : await readNames(folder, this.#segmentOf);
    return { names, identity, seen, startMs, endMs: performance.now() };
  }

  #keep(path: string, folder: CachedFolder): void {
    const other = this.#folders.get(path);
    if (other !== undefined) this.#drop(path, other);
    this.#folders.set(path, folder);
    this.#names += namesOfFolder + folder.names.length;
    for (const [oldest, dropped] of this.#folders) {
      if (this.#names <= maxNames) return;
      this.#drop(oldest, dropped);
    }
  }

  #drop(path: string, folder: CachedFolder): void {
    this.#folders.delete(path);
    this.#names -= namesOfFolder + folder.names.length;
  }
}

/** What was there all the time since `sinceMs` is among the names. */
function isRecent({ names, startMs, endMs }: CachedFolder, sinceMs: number): boolean {
  return names.length > maxReadNames && startMs >= sinceMs && performance.now() - endMs < maxAgeMs;
}

async function readNames(folder: Dir, segmentOf: SegmentOf): Promise<readonly string[]> {
  const names = new SortedNames();
  for await (const entry of folder) {
    const name = nameOf(entry, segmentOf);
    const sorting = name === undefined ? undefined : names.add(name);
    if (sorting !== undefined) await sorting;
  }
  return names.all();
}

function nameOf(entry: Dirent, segmentOf: SegmentOf): string | undefined {
  const name = segmentOf(entry.name);
  if (name === undefined) return undefined;
  if (!nameOfKey.test(name) || name === "." || name.includes("..") || name.toLowerCase() === reservedSegment)
    return undefined;
  if (entry.isFile()) return name;
  return entry.isDirectory() ? `${name}/` : undefined;
}

/** `at` may be `/proc/self/fd/N`, which is itself a link. */
function statFolder(at: string): Stats | undefined {
  return statSync(at || "/", { throwIfNoEntry: false });
}

/** At once, as the name may be that of another folder later. */
function openFolder(at: string): Dir | undefined {
  try {
    return opendirSync(at || "/", { bufferSize: entriesPerCall });
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
