import type { Stats } from "node:fs";
import { DiskError, errnoOf } from "./disk-error.js";
import { folderOf, type Layout } from "./layout.js";
import { lstatIfThere } from "./whole-file.js";

/** Folders that are remembered; about 200 bytes each. */
const maxKnown = 10_000;
/** A folder that changed so short before it was looked at may change again within the same tick of its clock. */
const tickMs = 50;
/** Some file systems count whole seconds. */
const coarseTickMs = 2000;

/** When a folder had changed, in milliseconds since the epoch; NaN, which equals nothing, where that tells too little. */
type ChangeTime = number;

/**
 * Tells folders from links, for every object anew: a link planted a moment ago is seen.
 *
 * Who puts a link where a folder was changes the folder above, and with it that one's time of change. So of a hundred
 * folders that were seen to be ones, only what they lie in is looked at, once for the work that is done together.
 */
export class RealFolders {
  readonly #layout: Layout;
  /** Folders, and when the one above had changed as they were seen. */
  readonly #known = new Map<string, ChangeTime>();
  /** What has been looked at in {@link together}. */
  #looks: Map<string, ChangeTime> | undefined;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** Does work that takes no time to speak of: each folder is looked at once for all of it. */
  together<T>(work: () => T): T {
    this.#looks = new Map();
    try {
      return work();
    } finally {
      this.#looks = undefined;
    }
  }

  /** Something has changed: what was looked at counts no more. */
  lookAnew(): void {
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
    const above = this.#lookBelow(top, folderOf(path));
    if (above === undefined) return false;
    if (this.#known.get(path) === above) return true;
    if (this.#lookOnce(path) === undefined) return false;
    if (this.#known.size >= maxKnown) this.#known.clear();
    this.#known.set(path, above);
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

  /** Looks at all folders from `top` down to `path`: the upper one first, so that no change of it goes unseen. */
  #lookBelow(top: string, path: string): ChangeTime | undefined {
    if (path.length > top.length && this.#lookBelow(top, folderOf(path)) === undefined) return undefined;
    return this.#lookOnce(path);
  }

  #lookOnce(path: string): ChangeTime | undefined {
    const looked = this.#looks?.get(path);
    if (looked !== undefined) return looked;
    const changed = lookAt(path);
    if (changed !== undefined) this.#looks?.set(path, changed);
    return changed;
  }
}

/** `undefined` where there is no folder. */
function lookAt(path: string): ChangeTime | undefined {
  const stats = lstatOrLoop(path);
  if (stats === "loop" || stats?.isSymbolicLink()) throw linkInTheWay();
  return stats?.isDirectory() ? changeTimeOf(stats) : undefined;
}

/** The time of modification can be set by hand, the time of change cannot. */
function changeTimeOf({ ctimeMs }: Stats): ChangeTime {
  const settlingMs = ctimeMs % 1000 === 0 ? coarseTickMs : tickMs;
  return Date.now() - ctimeMs > settlingMs ? ctimeMs : Number.NaN;
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
