import type { Dirent } from "node:fs";
import { reservedSegment } from "../../contract/key.js";
import {
  type FolderLook,
  isSettled,
  lookMark,
  lookOf,
  looksSame,
  type SeenFolder,
  seeAgain,
} from "./folder-look.js";
import { entriesOf } from "./folders.js";
import { lstatIfThere } from "./whole-file.js";

/** Names kept over all folders; about 100 bytes each. */
const maxNames = 500_000;
const nameOfKey = /^[A-Za-z0-9._-]+$/;

/** What a folder held when it was read. */
export interface Folder {
  /**
   * Names that can be part of keys, in the order of the keys they lead to: subfolders end with `/`, which is why
   * `a.b` comes before `a/`. Links are not names.
   */
  readonly names: readonly string[];
  /** As long as it looks like this it holds these names; `undefined` where that cannot be told. */
  readonly look: FolderLook | undefined;
}

interface CachedFolder extends Folder {
  readonly seen: SeenFolder;
}

export const noFolder: Folder = { names: [], look: undefined };

/** Sorted names of folders, the least recently used dropped first. */
export class FolderCache {
  readonly #folders = new Map<string, CachedFolder>();
  #names = 0;

  /**
   * The folder at `path`, which need not be there.
   *
   * @param unlessMarked - Mark of its look where, as long as it looks like that, nothing in it is of interest; it is then not read.
   */
  folderAt(path: string, unlessMarked?: string): Folder {
    const stats = lstatIfThere(path || "/");
    if (!stats?.isDirectory()) return noFolder;
    const look = lookOf(stats);
    if (unlessMarked !== undefined && unlessMarked === lookMark(look)) return noFolder;
    const cached = this.#folders.get(path);
    if (cached !== undefined) this.#drop(path, cached);
    const isFresh = cached !== undefined && looksSame(cached.look, look);
    const folder = isFresh ? cached : readFolder(path, seeAgain(cached?.seen, look));
    this.#keep(path, folder);
    return folder;
  }

  #keep(path: string, folder: CachedFolder): void {
    this.#folders.set(path, folder);
    this.#names += folder.names.length;
    for (const [oldest, dropped] of this.#folders) {
      if (this.#names <= maxNames) return;
      this.#drop(oldest, dropped);
    }
  }

  #drop(path: string, folder: CachedFolder): void {
    this.#folders.delete(path);
    this.#names -= folder.names.length;
  }
}

function readFolder(path: string, seen: SeenFolder): CachedFolder {
  const look = isSettled(seen, performance.now()) ? seen.look : undefined;
  return { names: readNames(path), look, seen };
}

function readNames(path: string): readonly string[] {
  const names: string[] = [];
  for (const entry of entriesOf(path || "/")) {
    const name = nameOf(entry);
    if (name !== undefined) names.push(name);
  }
  // Names are ASCII here, so this is the order of their bytes.
  return names.sort();
}

function nameOf(entry: Dirent): string | undefined {
  const { name } = entry;
  if (!nameOfKey.test(name) || name === "." || name.includes("..") || name === reservedSegment)
    return undefined;
  if (entry.isFile()) return name;
  return entry.isDirectory() ? `${name}/` : undefined;
}
