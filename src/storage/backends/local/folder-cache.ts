import { type Dirent, statSync } from "node:fs";
import { reservedSegment } from "../../key.js";
import { entriesOf } from "./folders.js";

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
  readonly stampMs: number | undefined;
}

const noFolder: Folder = { names: [], stampMs: undefined };

/** Sorted names of folders, the least recently used dropped first. */
export class FolderCache {
  readonly #folders = new Map<string, Folder>();
  #names = 0;

  /**
   * The folder at `path`, which need not be there.
   *
   * @param passedMs - Its stamp where nothing in it is of interest as long as that holds; it is then not read.
   */
  folderAt(path: string, passedMs?: number): Folder {
    const stats = statSync(path || "/", { throwIfNoEntry: false });
    if (stats === undefined) return noFolder;
    // The time of modification can be set by hand, the time of change cannot.
    const modifiedMs = Math.max(stats.mtimeMs, stats.ctimeMs);
    if (modifiedMs === passedMs) return noFolder;
    const cached = this.#folders.get(path);
    if (cached !== undefined) this.#drop(path, cached);
    const folder = cached?.stampMs === modifiedMs ? cached : readFolder(path, modifiedMs);
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

function readFolder(path: string, modifiedMs: number): Folder {
  const isSettled = Date.now() - modifiedMs > clockTickMs;
  return { names: readNames(path), stampMs: isSettled ? modifiedMs : undefined };
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
