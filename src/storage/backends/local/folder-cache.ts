import type { Dirent } from "node:fs";
import { reservedSegment } from "../../key.js";
import { entriesOf } from "./folders.js";
import { lstatIfThere } from "./whole-file.js";

/** A folder that changed so short before it was read may change again within the same tick of its clock. */
const clockTickMs = 50;
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
  /** When it had changed; `undefined` where another change could have the same time. */
  readonly changedMs: number | undefined;
  readonly inode: number | undefined;
}

const noFolder: Folder = { names: [], changedMs: undefined, inode: undefined };

/** Sorted names of folders, the least recently used dropped first. */
export class FolderCache {
  readonly #folders = new Map<string, Folder>();
  #names = 0;

  /**
   * The folder at `path`, which need not be there.
   *
   * @param unlessChangedMs - When it had changed, where nothing in it is of interest as long as that holds; it is then not read.
   */
  folderAt(path: string, unlessChangedMs?: number): Folder {
    const stats = lstatIfThere(path || "/");
    if (!stats?.isDirectory()) return noFolder;
    // The time of modification can be set by hand, the time of change cannot.
    const changedMs = Math.max(stats.mtimeMs, stats.ctimeMs);
    if (changedMs === unlessChangedMs) return noFolder;
    const cached = this.#folders.get(path);
    if (cached !== undefined) this.#drop(path, cached);
    const isSame = cached?.changedMs === changedMs && cached.inode === stats.ino;
    const folder = isSame ? cached : readFolder(path, changedMs, stats.ino);
    this.#keep(path, folder);
    return folder;
  }

  #keep(path: string, folder: Folder): void {
    this.#folders.set(path, folder);
    this.#names += folder.names.length;
    for (const [oldest, dropped] of this.#folders) {
      if (this.#names <= maxNames) return;
      this.#drop(oldest, dropped);
    }
  }

  #drop(path: string, folder: Folder): void {
    this.#folders.delete(path);
    this.#names -= folder.names.length;
  }
}

function readFolder(path: string, changedMs: number, inode: number): Folder {
  const isSettled = Date.now() - changedMs > clockTickMs;
  return { names: readNames(path), changedMs: isSettled ? changedMs : undefined, inode };
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
