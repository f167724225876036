import { createHash } from "node:crypto";
import { reservedSegment } from "../../../contract/key.js";
import { ServiceError } from "../../../contract/service-error.js";
import { keyOfUnfolded, unfoldedName } from "./unfolded-name.js";

const sidecarSuffix = ".meta.json";
/** File names may have 255 bytes (NAME_MAX), and the name of a sidecar is longer than that of its body. */
const maxSegmentBytes = 244;
const maxReadableName = 200;

/** Where all of one key lies. */
export interface KeyPaths {
  readonly key: string;
  readonly body: string;
  readonly bodyFolder: string;
  readonly sidecar: string;
  readonly sidecarFolder: string;
  readonly lock: string;
  /** Folder of the locks of all keys. */
  readonly locks: string;
}

/** The paths of everything that a store keeps. `base` must be a real path, so that it holds no symbolic link. */
export class Layout {
  readonly base: string;
  readonly own: string;
  readonly meta: string;
  readonly locks: string;
  readonly temps: string;
  readonly uploads: string;
  readonly secret: string;
  /** Folders written before the lock-file protocol hold journals; the folder is read once and removed. */
  readonly oldJournals: string;
  /** Says that keys of this folder are spelled by {@link unfoldedName}. */
  readonly unfolded: string;
  readonly #unfolds: boolean;

  /** @param unfolds - whether names of files tell capital letters apart where the file system does not. */
  constructor(base: string, unfolds = false) {
    this.#unfolds = unfolds;
    this.base = base === "/" ? "" : base;
    this.own = `${this.base}/${reservedSegment}`;
    this.meta = `${this.own}/meta`;
    this.locks = `${this.own}/pending`;
    this.temps = `${this.own}/tmp`;
    this.uploads = `${this.own}/multipart`;
    this.secret = `${this.own}/secret`;
    this.oldJournals = `${this.own}/journal`;
    this.unfolded = `${this.own}/unfolded`;
  }

  body(key: string): string {
    return `${this.base}/${this.#spelled(key)}`;
  }

  /** @throws ServiceError as {@link checkSegments}, where capital letters make a name longer than the key. */
  checkSpelling(key: string): void {
    if (this.#unfolds) checkSegments(unfoldedName(key));
  }

  /** The part of a key that a file or folder stands for; `undefined` for names that no key leads to. */
  segment(name: string): string | undefined {
    if (!this.#unfolds) return name;
    const segment = keyOfUnfolded(name);
    return unfoldedName(segment) === name.toLowerCase() ? segment : undefined;
  }

  /**
   * `{key}.meta.json` in a tree of its own. A folder whose name ends like that of a sidecar gets a `+`, which no key
   * can
   * hold, so `a` and `a.meta.json/b` do not meet.
   */
  sidecar(key: string): string {
    const name = this.#spelled(key);
    const path = name.includes(`${sidecarSuffix}/`)
      ? name.replaceAll(`${sidecarSuffix}/`, `${sidecarSuffix}+/`)
      : name;
    return `${this.meta}/${path}${sidecarSuffix}`;
  }

  /**
   * The lock file of a key, which holds the record of the write in progress. All lie in one folder, so that recovery
   * need
   * not walk the tree. `~` is outside the alphabet of keys.
   */
  lock(key: string): string {
    const name = this.#spelled(key);
    if (name.length > maxReadableName)
      return `${this.locks}/~${createHash("sha256").update(name).digest("hex")}`;
    return `${this.locks}/${name.replaceAll("/", "~")}`;
  }

  /** Made once for a write, which needs each of them more than once. */
  pathsOf(key: string): KeyPaths {
    const body = this.body(key);
    const sidecar = this.sidecar(key);
    const folders = { bodyFolder: folderOf(body), sidecarFolder: folderOf(sidecar) };
    return { key, body, sidecar, ...folders, lock: this.lock(key), locks: this.locks };
  }

  temp(name: string): string {
    return `${this.temps}/${name}`;
  }

  /** The part of a path that an error may tell: what lies below the base. */
  nameOf(path: string): string {
    const name = path.slice(this.base.length + 1);
    return this.#unfolds ? keyOfUnfolded(name) : name;
  }

  /** Folders that must be there before anything else works. */
  folders(): readonly string[] {
    return [this.own, this.meta, this.locks, this.temps, this.uploads];
  }

  #spelled(key: string): string {
    return this.#unfolds ? unfoldedName(key) : key;
  }
}

/** The folder that holds `path`. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** @throws ServiceError `invalid_key` for a key with a segment that the file system could not name. */
export function checkSegments(key: string): void {
  if (key.length <= maxSegmentBytes) return;
  if (key.split("/").every((segment) => segment.length <= maxSegmentBytes)) return;
  throw new ServiceError("invalid_key", `a segment of the key is longer than ${maxSegmentBytes} characters`);
}
