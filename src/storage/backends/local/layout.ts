import { createHash } from "node:crypto";
import { reservedSegment } from "../../contract/key.js";
import { DiskError } from "./disk-error.js";

const sidecarSuffix = ".meta.json";
/** File names may have 255 bytes (NAME_MAX), and a sidecar's is longer than its key's. */
const maxSegmentBytes = 244;
const maxReadableName = 200;

/** Where everything lies. `base` must be a real path, so that no link hides in it. */
export class Layout {
  readonly base: string;
  readonly own: string;
  readonly meta: string;
  readonly pendings: string;
  readonly journals: string;
  readonly temps: string;
  readonly uploads: string;
  readonly secret: string;

  constructor(base: string) {
    this.base = base === "/" ? "" : base;
    this.own = `${this.base}/${reservedSegment}`;
    this.meta = `${this.own}/meta`;
    this.pendings = `${this.own}/pending`;
    this.journals = `${this.own}/journal`;
    this.temps = `${this.own}/tmp`;
    this.uploads = `${this.own}/multipart`;
    this.secret = `${this.own}/secret`;
  }

  body(key: string): string {
    return `${this.base}/${key}`;
  }

  /**
   * `{key}.meta.json` in a tree of its own. A folder that ends like a sidecar gets a `+`, which no key can
   * hold, so `a` and `a.meta.json/b` do not meet.
   */
  sidecar(key: string): string {
    const path = key.includes(`${sidecarSuffix}/`)
      ? key.replaceAll(`${sidecarSuffix}/`, `${sidecarSuffix}+/`)
      : key;
    return `${this.meta}/${path}${sidecarSuffix}`;
  }

  /**
   * The record of a write in progress, which is also its lock. All lie in one folder, so recovery need not walk the
   * tree. `~` is outside the alphabet of keys.
   */
  pending(key: string): string {
    if (key.length > maxReadableName)
      return `${this.pendings}/~${createHash("sha256").update(key).digest("hex")}`;
    return `${this.pendings}/${key.replaceAll("/", "~")}`;
  }

  journal(name: string): string {
    return `${this.journals}/${name}`;
  }

  temp(name: string): string {
    return `${this.temps}/${name}`;
  }

  /** What may be told of a path: what of it lies below the base. */
  nameOf(path: string): string {
    return path.slice(this.base.length + 1);
  }

  /** Folders that must be there before anything else works. */
  folders(): readonly string[] {
    return [this.own, this.meta, this.pendings, this.journals, this.temps, this.uploads];
  }
}

/** The folder that holds `path`. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** Refuses keys with a segment that the file system could not name. */
export function checkSegments(key: string): void {
  if (key.length <= maxSegmentBytes) return;
  if (key.split("/").every((segment) => segment.length <= maxSegmentBytes)) return;
  throw new DiskError("invalid_key", `a segment of the key is longer than ${maxSegmentBytes} characters`);
}
