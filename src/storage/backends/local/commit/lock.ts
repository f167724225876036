import { closeSync, fstatSync, futimesSync, renameSync, type Stats } from "node:fs";
import { ServiceError } from "../../../contract/service-error.js";
import { busy, errnoOf } from "../disk/disk-error.js";
import { discard, lstatIfThere, readSmall, writeAll } from "../disk/files.js";
import { createOwn, makeFolder } from "../disk/folders.js";
import type { KeyPaths } from "../disk/layout.js";
import { isGone } from "../record/lock-owner.js";
import { belongsTogether, fingerprintOf, type LockContent, parseLock } from "../record/record.js";
import type { Store } from "../store.js";

/** A lock file without a whole record is being written, or its writer died in that instant. */
const unwrittenStaleMs = 2000;
/** Age at which a lock from another host counts as left behind; that host cannot be asked. */
const foreignStaleMs = 30_000;
/** A claim is held for a few system calls; one of this age was left behind. */
const claimStaleMs = 10_000;
/** Age of a lock that a living owner gave up by a date of 1970, which some file systems take for their first day. */
const givenUpMs = 20 * 365 * 24 * 60 * 60 * 1000;
const maxAttempts = 8;

/** The lock of a key: a file that is made exclusively. It names its owner once it is written. */
export class Lock {
  readonly fd: number;
  readonly #store: Store;
  readonly #path: string;
  #text = "";
  #isOver = false;

  /**
   * @param isQueued - as of {@link recoverIfStale}.
   * @throws ServiceError of {@link busy} while another writer holds the key; `permission_denied` where a link leads to the locks.
   */
  constructor(store: Store, path: string, isQueued = true) {
    this.#store = store;
    this.#path = path;
    this.fd = create(store, path, isQueued);
  }

  /** Writes the owner and, in a record, what is being written. */
  write(text: string): void {
    writeAll(this.fd, Buffer.from(text));
    this.#text = text;
    // Before it named its owner it may have been taken for that of a dead one, and removed.
    if (fstatSync(this.fd).nlink === 0) this.checkHeld();
  }

  /** @throws ServiceError of {@link busy} when another host took the lock for left behind, which its age alone tells there. */
  checkHeld(): void {
    this.#isOver = !this.#isHeld();
    if (this.#isOver) throw busy("the lock was taken over");
  }

  /** Ends a write that failed, or needs no sidecar. */
  release(): void {
    try {
      if (this.#isStillHeld()) this.#isOver = discard(this.#store.guard.at(this.#path));
    } catch {
      // It is given up.
    }
  }

  /** Ends a write that happened, unless another host did so. */
  becomeSidecar(paths: KeyPaths): void {
    if (!this.#isStillHeld()) return;
    releaseAsSidecar(this.#store, paths);
    this.#isOver = true;
  }

  /** A lock that stays is given up, as its owner may live for long. That needs neither room on the disk nor a descriptor. */
  close(): void {
    try {
      if (!this.#isOver) futimesSync(this.fd, 0, 0);
    } catch {
      // Other processes have to wait until this one ends.
    } finally {
      closeSync(this.fd);
    }
  }

  /** Without syncs a lock that is written has no time to grow old. */
  #isStillHeld(): boolean {
    const isQuick = this.#text !== "" && !this.#store.sync.isDurable;
    return !this.#isOver && (isQuick || this.#isHeld());
  }

  #isHeld(): boolean {
    const at = this.#store.guard.atIfVisible(this.#path);
    if (at === undefined) return false;
    return this.#text === ""
      ? lstatIfThere(at)?.ino === fstatSync(this.fd).ino
      : readSmall(at) === this.#text;
  }
}

function create(store: Store, path: string, isQueued: boolean): number {
  const fd =
    tryCreate(store, path) ?? (recoverIfStale(store, path, isQueued) ? tryCreate(store, path) : undefined);
  if (fd !== undefined) return fd;
  throw busy("another writer holds the key");
}

function tryCreate(store: Store, path: string): number | undefined {
  try {
    return createOwn(store, store.layout.locks, path);
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return undefined;
    throw error;
  }
}

/**
 * Completes or undoes the write of an owner that is gone.
 *
 * @param isQueued - the caller has its turn in the queue of the key, which lets one writer of a process at a key: a lock file
 * of this process is then left over.
 * @returns `false` while the owner lives.
 */
export function recoverIfStale(store: Store, path: string, isQueued: boolean): boolean {
  const at = store.guard.at(path);
  const text = readSmall(at);
  const stats = lstatIfThere(at);
  if (stats !== undefined && !stats.isFile())
    throw new ServiceError("unavailable", "what stands where the lock of the key should be is not a file");
  if (text === undefined || stats === undefined) return true;
  return isStale(store, parseLock(text), stats, isQueued) && settle(store, path, text, stats);
}

function isStale(
  { owner }: Store,
  content: LockContent | undefined,
  stats: Stats,
  isQueued: boolean,
): boolean {
  const ageMs = Date.now() - stats.mtimeMs;
  if (content === undefined) return ageMs > unwrittenStaleMs;
  if (ageMs > givenUpMs) return true;
  const { user, pid } = content.owner;
  if (isQueued && user === owner.user && pid === owner.pid) return true;
  return isGone(content.owner, ageMs, foreignStaleMs);
}

/**
 * Two writers may find the same dead owner; when the slower one acts, the path may already be the lock of a living
 * writer. So a writer claims the very record that it judged first, by a file that only one writer can make. Files without
 * a record are told apart by inode and date.
 */
function settle(store: Store, path: string, text: string, stats: Stats): boolean {
  const content = parseLock(text);
  const claim = `${path}!${content?.version ?? "unwritten"}`;
  if (!tryClaim(store, claim)) return false;
  try {
    const at = store.guard.at(path);
    const now = readSmall(at) === text ? lstatIfThere(at) : undefined;
    if (now?.ino === stats.ino && now.mtimeMs === stats.mtimeMs) completeOrUndo(store, path, content);
  } finally {
    discard(store.guard.at(claim));
  }
  return true;
}

function tryClaim(store: Store, claim: string): boolean {
  const fd = tryCreate(store, claim);
  if (fd !== undefined) {
    closeSync(fd);
    return true;
  }
  const at = store.guard.at(claim);
  const stats = lstatIfThere(at);
  if (stats !== undefined && Date.now() - stats.ctimeMs > claimStaleMs) discard(at);
  return false;
}

/** The body decides: it became visible with the date of this record, or it did not. */
function completeOrUndo(store: Store, path: string, content: LockContent | undefined): void {
  // A body behind a link counts: it has not been replaced, and the link may be removed.
  const body = content && lstatIfThere(store.layout.body(content.key));
  const isVisible = content?.record && body?.isFile() && belongsTogether(content.record, fingerprintOf(body));
  if (content !== undefined && isVisible) releaseAsSidecar(store, store.layout.pathsOf(content.key));
  else discard(store.guard.at(path));
}

/** The lock file becomes the sidecar. Other writers may remove its folder meanwhile. */
function releaseAsSidecar(store: Store, paths: KeyPaths): void {
  for (let attempt = 0; !tryRelease(store, paths); attempt++) {
    if (attempt === maxAttempts)
      throw new ServiceError("unavailable", "the metadata folder changes too fast");
    makeFolder(store, paths.sidecarFolder, paths.key);
  }
}

function tryRelease({ guard }: Store, { lock, locks, sidecar, sidecarFolder }: KeyPaths): boolean {
  try {
    // The own folder is resolved first: resolving the other may evict a cached descriptor, never this one.
    const from = guard.at(lock, locks);
    renameSync(from, guard.at(sidecar, sidecarFolder));
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}
