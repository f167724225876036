import { closeSync, fstatSync, linkSync, openSync, renameSync } from "node:fs";
import { DiskError, errnoOf } from "./disk-error.js";
import { checkOwnFolders, makeFolder } from "./folders.js";
import { type Holder, isGone } from "./holder.js";
import { folderOf } from "./layout.js";
import { belongsTogether, fingerprintOf, type PendingRecord, parsePending } from "./record.js";
import type { Store } from "./store.js";
import {
  createFlags,
  discard,
  discardQuietly,
  fileMode,
  lstatIfThere,
  readSmall,
  writeAll,
} from "./whole-file.js";

/** A pending file without a whole record is being written, or its writer died in that instant. */
const unwrittenStaleMs = 2000;
/** Age at which a lock from another host counts as left behind; nobody can ask that host. */
const foreignStaleMs = 30_000;
/** A claim is held for a few system calls; one of this age was left behind. */
const claimStaleMs = 10_000;
const maxAttempts = 8;

/** The lock of a key, which is a pending file that is made exclusively. It names its holder once it is written. */
export class Lock {
  readonly fd: number;
  readonly #store: Store;
  readonly #path: string;
  readonly #startMs = performance.now();
  #isNamed = false;

  /** @throws DiskError `busy` while another writer holds the key; `permission_denied` where a link leads to the locks. */
  constructor(store: Store, key: string, judge: Judge = isLeftOver) {
    this.#store = store;
    this.#path = store.layout.pending(key);
    store.realFolders.refuseLinks(store.layout.pendings);
    this.fd = create(store, this.#path, judge);
  }

  /** Says who holds it and, in a record, what is being written. */
  write(text: Uint8Array): void {
    writeAll(this.fd, text);
    if (!this.#isOurs()) throw new DiskError("busy", "the lock was taken over");
    this.#isNamed = true;
  }

  /** When it has been written, or never will be. */
  close(): void {
    closeSync(this.fd);
  }

  /** Gives it back where nothing came of it. One that names nobody yet has to be open still. */
  release(): void {
    if (this.#isNamed || this.#isOurs()) giveBack(this.#store, this.#path);
  }

  /** Whoever stood still before the lock had a name may have been taken for dead. */
  #isOurs(): boolean {
    if (performance.now() - this.#startMs < unwrittenStaleMs / 2) return true;
    return lstatIfThere(this.#path)?.ino === fstatSync(this.fd).ino;
  }
}

/** Frees a key on a way out; its lock stays where a link has come in the way, or nobody can tell. */
export function giveBack({ layout, realFolders }: Store, path: string): void {
  try {
    realFolders.refuseLinks(layout.pendings);
  } catch {
    return;
  }
  discardQuietly(path);
}

/**
 * Takes the lock of a key for something that needs no record, durable when this returns.
 *
 * @throws DiskError `busy` while another writer holds the key.
 */
export function acquire(store: Store, key: string, text: string): void {
  checkOwnFolders(store);
  const lock = new Lock(store, key);
  try {
    lock.write(Buffer.from(text));
    store.sync.content(lock.fd);
    store.sync.folder(store.layout.pendings);
  } catch (error) {
    lock.release();
    throw error;
  } finally {
    lock.close();
  }
}

function create(store: Store, path: string, judge: Judge): number {
  const fd = tryCreate(path) ?? (recoverIf(store, path, judge) ? tryCreate(path) : undefined);
  if (fd !== undefined) return fd;
  throw new DiskError("busy", "another writer holds the key");
}

function tryCreate(path: string): number | undefined {
  try {
    return openSync(path, createFlags, fileMode);
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return undefined;
    throw error;
  }
}

/** Whether a lock that stands is nobody's any more. */
export type Judge = (holder: Holder, ageMs: number, store: Store) => boolean;

/** For those who do not wait in the queue of the key's writers. */
export const isHolderGone: Judge = (holder, ageMs) => isGone(holder, ageMs, foreignStaleMs);

/** The queue of keys lets one writer of this process at a key, so its lock that stands there is not in use. */
const isLeftOver: Judge = (holder, ageMs, store) =>
  (holder.user === store.holder.user && holder.pid === store.holder.pid) ||
  isHolderGone(holder, ageMs, store);

/** Completes or undoes the write of a holder that is gone. `false` while the holder lives. */
export function recoverIfStale(store: Store, path: string): boolean {
  return recoverIf(store, path, isHolderGone);
}

/**
 * Two may find the same dead holder; when the slower one acts, the path may already be the lock of a living
 * writer. So whoever acts first claims the very record it judged, by a link that only one can make.
 */
function recoverIf(store: Store, path: string, judge: Judge): boolean {
  const text = readSmall(path);
  const stats = lstatIfThere(path);
  if (stats !== undefined && !stats.isFile())
    throw new DiskError("unavailable", "what stands where the lock of the key should be is not a file");
  if (text === undefined || stats === undefined) return true;
  const ageMs = Date.now() - stats.mtimeMs;
  const pending = parsePending(text);
  const isStale = pending === undefined ? ageMs > unwrittenStaleMs : judge(pending.holder, ageMs, store);
  return isStale && settle(store, path, text, pending);
}

function settle(store: Store, path: string, text: string, pending: PendingRecord | undefined): boolean {
  const claim = `${path}!${pending?.version ?? "unwritten"}`;
  if (!tryClaim(path, claim)) return false;
  try {
    if (readSmall(claim) === text) completeOrUndo(store, path, pending);
  } finally {
    discard(claim);
  }
  return true;
}

function tryClaim(path: string, claim: string): boolean {
  try {
    linkSync(path, claim);
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT") return true;
    if (errno !== "EEXIST") throw error;
    const stats = lstatIfThere(claim);
    if (stats !== undefined && Date.now() - stats.ctimeMs > claimStaleMs) discard(claim);
    return false;
  }
}

/** The body decides: it became visible with the stamp of this record, or it did not. */
function completeOrUndo(store: Store, path: string, pending: PendingRecord | undefined): void {
  const record = pending?.record;
  // Also one that lies behind a link: it has not been replaced, and the link may go.
  const body = pending && lstatIfThere(store.layout.body(pending.key));
  if (pending !== undefined && record && body?.isFile() && belongsTogether(record, fingerprintOf(body))) {
    releaseAsSidecar(store, pending.key);
  } else discard(path);
}

/** Ends a write that happened: the lock becomes the sidecar. Others may prune its folder meanwhile. */
export function releaseAsSidecar(store: Store, key: string): void {
  const sidecar = store.layout.sidecar(key);
  for (let attempt = 0; !tryRelease(store, key, sidecar); attempt++) {
    if (attempt === maxAttempts) throw new DiskError("unavailable", "the metadata folder changes too fast");
    makeFolder(store, folderOf(sidecar), key);
  }
}

function tryRelease(store: Store, key: string, sidecar: string): boolean {
  if (!store.realFolders.isReal(folderOf(sidecar))) return false;
  store.realFolders.refuseLinks(store.layout.pendings);
  try {
    renameSync(store.layout.pending(key), sidecar);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}
