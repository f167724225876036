import { createHash } from "node:crypto";
import { reservedSegment } from "../../../contract/key.js";
import { DiskError } from "./disk-error.js";

const sidecarSuffix = ".meta.json";
/** File names may have 255 bytes (NAME_MAX), and the name of a sidecar is longer than that of its body. */
const maxSegmentBytes = 244;
const maxReadableName = 200;

/** The paths of everything that a store keeps. `base` must be a real path, so that it holds no symbolic link. */
export class Layout {
  readonly base: string;
  readonly own: string;
  readonly meta: string;
  readonly locks: string;
  readonly temps: string;
  readonly uploads: string;
  readonly secret: string;
  /** Journals of versions before 1.0; the folder is read once and removed. */
  readonly oldJournals: string;

  constructor(base: string) {
    this.base = base === "/" ? "" : base;
    this.own = `${this.base}/${reservedSegment}`;
    this.meta = `${this.own}/meta`;
    this.locks = `${this.own}/pending`;
    this.temps = `${this.own}/tmp`;
    this.uploads = `${this.own}/multipart`;
    this.secret = `${this.own}/secret`;
    this.oldJournals = `${this.own}/journal`;
  }

  body(key: string): string {
    return `${this.base}/${key}`;
  }

  /**
   * `{key}.meta.json` in a tree of its own. A folder whose name ends like that of a sidecar gets a `+`, which no key can
   * hold, so `a` and `a.meta.json/b` do not meet.
   */
  sidecar(key: string): string {
    const path = key.includes(`${sidecarSuffix}/`)
      ? key.replaceAll(`${sidecarSuffix}/`, `${sidecarSuffix}+/`)
      : key;
    return `${this.meta}/${path}${sidecarSuffix}`;
  }

  /**
   * The lock file of a key, which holds the record of the write in progress. All lie in one folder, so that recovery need
   * not walk the tree. `~` is outside the alphabet of keys.
   */
  lock(key: string): string {
    if (key.length > maxReadableName)
      return `${this.locks}/~${createHash("sha256").update(key).digest("hex")}`;
    return `${this.locks}/${key.replaceAll("/", "~")}`;
  }

  temp(name: string): string {
    return `${this.temps}/${name}`;
  }

  /** What an error may tell of a path: the part below the base. */
  nameOf(path: string): string {
    return path.slice(this.base.length + 1);
  }

  /** Folders that must be there before anything else works. */
  folders(): readonly string[] {
    return [this.own, this.meta, this.locks, this.temps, this.uploads];
  }
}

/** The folder that holds `path`. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** @throws DiskError `invalid_key` for a key with a segment that the file system could not name. */
export function checkSegments(key: string): void {
  if (key.length <= maxSegmentBytes) return;
  if (key.split("/").every((segment) => segment.length <= maxSegmentBytes)) return;
  throw new DiskError("invalid_key", `a segment of the key is longer than ${maxSegmentBytes} characters`);
}
