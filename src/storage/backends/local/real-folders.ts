import type { Stats } from "node:fs";
import { DiskError, errnoOf } from "./disk-error.js";
import { folderOf, type Layout } from "./layout.js";
import { lstatIfThere, readSmall } from "./whole-file.js";

/** Folders that are remembered; about 200 bytes each. */
const maxKnown = 10_000;
/** Longer than a tick of any file system's clock, but for those that count whole seconds. */
const tickMs = 50;
const coarseTickMs = 2000;

/** What a folder was when it was looked at: the same only while nothing in it has come, gone or been replaced. */
type Look = Pick<Stats, "dev" | "ino" | "ctimeMs">;

/**
 * Tells folders from links, for every object anew: a link planted a moment ago is seen.
 *
 * Who puts a link where a folder was changes the folder above, and with it that one's time of change. So of a hundred
 * folders that were seen to be ones, only what they lie in is looked at, once for the work that is done together.
 */
export class RealFolders {
  readonly #layout: Layout;
  /** Folders, and what the one above was when they were seen. */
  readonly #known = new Map<string, Look>();
  /** Folders above others, and since when they have been as they are, by our own clock. */
  readonly #above = new Map<string, { readonly look: Look; readonly sinceMs: number }>();
  /** What has been looked at in {@link together}, and since when. */
  #looks: Map<string, Look> | undefined;
  #looksSinceMs = 0;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** Does work that takes no time to speak of: each folder is looked at once for all of it. */
  together<T>(work: () => T): T {
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
   * Whether `path`, which is or lies below the base or the metadata folder, is a folder that is reached from there
   * without a link.
   *
   * @throws DiskError `permission_denied` when a link stands in the way.
   */
  isReal(path: string): boolean {
    const top = this.#layout.topOf(path);
    if (path.length <= top.length) return this.#lookOnce(path) !== undefined;
    const parent = folderOf(path);
    const above = this.#lookBelow(top, parent);
    if (above === undefined) return false;
    if (isSame(this.#known.get(path), above)) return true;
    const isSettled = this.#isSettled(parent, above);
    if (this.#lookOnce(path) === undefined) return false;
    if (isSettled) keep(this.#known, path, above);
    return true;
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

  /** Looks at all folders from `top` down to `path`: the upper one first, so that no change of it goes unseen. */
  #lookBelow(top: string, path: string): Look | undefined {
    if (path.length > top.length && this.#lookBelow(top, folderOf(path)) === undefined) return undefined;
    return this.#lookOnce(path);
  }

  #lookOnce(path: string): Look | undefined {
    const looked = this.#looks?.get(path);
    if (looked !== undefined) return looked;
    const look = lookAt(path);
    if (look !== undefined) this.#looks?.set(path, look);
    return look;
  }

  /** Whether another change would get another time: when it was looked at, the tick of the last one was over. */
  #isSettled(path: string, look: Look): boolean {
    const before = this.#above.get(path);
    if (before !== undefined && isSame(before.look, look)) {
      const lookedMs = this.#looks === undefined ? performance.now() : this.#looksSinceMs;
      return lookedMs - before.sinceMs > (look.ctimeMs % 1000 === 0 ? coarseTickMs : tickMs);
    }
    keep(this.#above, path, { look, sinceMs: performance.now() });
    return false;
  }
}

function keep<T>(map: Map<string, T>, path: string, value: T): void {
  if (map.size >= maxKnown) map.clear();
  map.set(path, value);
}

/** The time of modification can be set by hand, the time of change cannot. */
function isSame(one: Look | undefined, other: Look): boolean {
  return one?.ctimeMs === other.ctimeMs && one.ino === other.ino && one.dev === other.dev;
}

/** `undefined` where there is no folder. */
function lookAt(path: string): Look | undefined {
  const stats = lstatOrLoop(path);
  if (stats === "loop" || stats?.isSymbolicLink()) throw linkInTheWay();
  if (!stats?.isDirectory()) return undefined;
  const { dev, ino, ctimeMs } = stats;
  return { dev, ino, ctimeMs };
}

function lstatOrLoop(path: string): Stats | "loop" | undefined {
  try {
    return lstatIfThere(path || "/");
  } catch (error) {
    if (errnoOf(error) === "ELOOP") return "loop";
    throw error;
  }
}

export function linkInTheWay(): DiskError {
  return new DiskError("permission_denied", "a symbolic link stands in the way of the key");
}
