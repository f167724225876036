import type { Stats } from "node:fs";
import { lstat } from "node:fs/promises";
import { DiskError, errnoOf } from "./disk-error.js";
import { type FolderLook, isSettled, lookOf, looksSame, type SeenFolder, seeAgain } from "./folder-look.js";
import { folderOf, type Layout } from "./layout.js";
import { lstatIfThere, readSmall } from "./whole-file.js";

/** Folders that are remembered; about 200 bytes each. */
const maxKept = 10_000;

/**
 * Tells folders from links, for every object anew: a link planted a moment ago is seen.
 *
 * Who puts a link where a folder was changes the folder above, and with it that one's time of change. So of a hundred
 * folders that were seen to be ones, only what they lie in is looked at, once for the work that is done together.
 */
export class RealFolders {
  readonly #layout: Layout;
  readonly #base: string;
  /** Folders, and what the one above was when they were seen. */
  readonly #known = new Map<string, FolderLook>();
  /** Folders above others, and since when they have looked like that. */
  readonly #above = new Map<string, SeenFolder>();
  /** What has been looked at in {@link together}, and since when. */
  #looks: Map<string, FolderLook> | undefined;
  #looksSinceMs = 0;

  constructor(layout: Layout) {
    this.#layout = layout;
    this.#base = layout.base;
  }

  /** Does work that takes no time to speak of: each folder is looked at once for all of it. It may be part of other such work. */
  together<T>(work: () => T): T {
    if (this.#looks !== undefined) return work();
    this.#looks = new Map();
    this.#looksSinceMs = performance.now();
    try {
      return work();
    } finally {
      this.#looks = undefined;
    }
  }

  /** `path` is not what it seemed: what was looked at counts no more. */
  lookAnew(path: string): void {
    this.#known.delete(path);
    this.#looks?.clear();
  }

  /**
   * Whether `path` is a folder that is reached from the base without a link. It must be the base or lie below it.
   *
   * @throws DiskError `permission_denied` when a link stands in the way.
   */
  isReal(path: string): boolean {
    if (path === this.#base) return this.#lookOnce(path) !== undefined;
    const parent = folderOf(path);
    const above = this.#lookDownTo(parent);
    if (above === undefined) return false;
    if (looksSame(this.#known.get(path), above)) return true;
    const lookedMs = this.#looks === undefined ? performance.now() : this.#looksSinceMs;
    const seen = seeAgain(this.#above.get(parent), above);
    keep(this.#above, parent, seen);
    if (this.#lookOnce(path) === undefined) return false;
    if (isSettled(seen, lookedMs)) keep(this.#known, path, above);
    return true;
  }

  /** {@link isReal} for a thread that must not wait for the disk. */
  async isRealLater(path: string): Promise<boolean> {
    if (path !== this.#base && !(await this.isRealLater(folderOf(path)))) return false;
    return this.#toLook(path, await lstat(path || "/").catch(noStats)) !== undefined;
  }

  /** @throws DiskError `permission_denied` when a link stands in the way of `path`, which need not be there. */
  refuseLinks(path: string): void {
    this.isReal(path);
  }

  /** {@link isReal} for those who only look: behind a link there is nothing. */
  isVisible(path: string): boolean {
    try {
      return this.isReal(path);
    } catch (error) {
      if (error instanceof DiskError) return false;
      throw error;
    }
  }

  /** The text of a small file; `undefined` when there is none, or a link on the way to it. */
  readSmall(path: string): string | undefined {
    return this.isVisible(folderOf(path)) ? readSmall(path) : undefined;
  }

  /** How `path` looks once all above it is known to be real: the upper ones first, so that no change of them goes unseen. */
  #lookDownTo(path: string): FolderLook | undefined {
    const looked = this.#looks?.get(path);
    if (looked !== undefined) return looked;
    if (path !== this.#base && !this.isReal(folderOf(path))) return undefined;
    return this.#lookOnce(path);
  }

  #lookOnce(path: string): FolderLook | undefined {
    const looked = this.#looks?.get(path);
    if (looked !== undefined) return looked;
    const look = this.#toLook(path, lstatOrLoop(path));
    if (look !== undefined) this.#looks?.set(path, look);
    return look;
  }

  /** `undefined` where there is no folder. */
  #toLook(path: string, stats: Stats | "loop" | undefined): FolderLook | undefined {
    if (stats === "loop" || stats?.isSymbolicLink()) throw linkInTheWay(this.#layout, path);
    return stats?.isDirectory() ? lookOf(stats) : undefined;
  }
}

function keep<T>(map: Map<string, T>, path: string, value: T): void {
  if (map.size >= maxKept && !map.has(path)) map.clear();
  map.set(path, value);
}

function lstatOrLoop(path: string): Stats | "loop" | undefined {
  try {
    return lstatIfThere(path || "/");
  } catch (error) {
    return noStats(error);
  }
}

function noStats(error: unknown): "loop" | undefined {
  const errno = errnoOf(error);
  if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
  if (errno === "ELOOP") return "loop";
  throw error;
}

/** Names only folders of the store's own: of others a part may be a tenant's, and not for those who ask. */
export function linkInTheWay(layout: Layout, path: string): DiskError {
  const place = layout.folders().includes(path)
    ? `where '${layout.nameOf(path)}' should be`
    : "in the way of the key";
  return new DiskError("permission_denied", `a symbolic link stands ${place}`);
}
