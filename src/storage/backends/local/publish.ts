import { closeSync, linkSync, openSync, renameSync, type Stats } from "node:fs";
import type { WriteConditions } from "../../contract/backend.js";
import { DiskError, errnoOf } from "./disk-error.js";
import { statIfThere } from "./find.js";
import { checkOwnFolders, clearEmptyFolder, makeFolder, prune } from "./folders.js";
import type { JobState } from "./job-state.js";
import type { JournalBatch } from "./journal-writer.js";
import { folderOf } from "./layout.js";
import { Lock, releaseAsSidecar } from "./lock.js";
import { fillStamp, recordOf } from "./record.js";
import type { Store } from "./store.js";
import type { SyncTask } from "./sync.js";
import { createFlags, discardQuietly, fileMode, lstatIfThere, writeAll } from "./whole-file.js";

const maxAttempts = 8;

/** A body that shall become the object of its key. */
export interface Publication extends WriteConditions {
  readonly key: string;
  /** What shall be known of it; the stamp is filled in. */
  readonly record: Buffer;
  readonly state: JobState;
  /** Bytes that are still to be written, or an open temporary file that is complete and stays its owner's. */
  readonly content: Uint8Array | { readonly temp: string; readonly fd: number };
}

/** How a write ended: with the stamp of the body that is visible now, or with an error. */
export type Published = { readonly stampUs: number } | { readonly error: unknown };

/** Publishes one body at once, with syncs that block. */
export function publish(store: Store, publication: Publication): number {
  const write = new Publishing(store, publication);
  for (const tasks of publishing(store, [write])) if (store.sync.isDurable) store.sync.all(tasks());
  const published = write.end();
  if ("stampUs" in published) return published.stampUs;
  throw published.error;
}

/** Publishes several, with syncs that others may use the time of. */
export async function publishAll(
  store: Store,
  publications: readonly Publication[],
): Promise<readonly Published[]> {
  const writes = publications.map((publication) => new Publishing(store, publication));
  for (const tasks of publishing(store, writes)) if (store.sync.isDurable) await store.sync.together(tasks());
  return writes.map((write) => write.end());
}

/**
 * Makes bodies the objects of their keys. The rename of a body is the only instant that counts: before it the old
 * object stands, after it the new one with its record. The record is durable before, so whoever comes after a crash
 * can tell on which side of that instant it happened.
 *
 * Yields what must be durable before it goes on: bodies and a journal of their records, and then folders, each
 * synced once for all that was done in it.
 */
function* publishing(store: Store, writes: readonly Publishing[]): Generator<() => SyncTask[], void> {
  forAll(writes, () => checkOwnFolders(store));
  each(writes, begin);
  store.realFolders.together(() => {
    // To begin may have taken long.
    forAll(writes, () => checkOwnFolders(store));
    each(writes, lock);
  });
  const noted = store.sync.isDurable ? note(store, writes) : undefined;
  try {
    yield () => [...writes.flatMap((write) => write.bodyToSync()), ...toSync(noted, writes)];
    store.realFolders.together(() => each(writes, place));
    // Before the pending records go: else a power failure could leave an old body beside the new record.
    yield () => foldersOf(writes);
    store.realFolders.together(() => each(writes, settle));
  } finally {
    noted?.end();
  }
}

function note(store: Store, writes: readonly Publishing[]): JournalBatch | undefined {
  const locked = writes.filter((write) => !write.isFailed);
  try {
    checkOwnFolders(store);
    return locked.length === 0 ? undefined : store.journal.append(locked.map(({ record }) => record));
  } catch (error) {
    for (const write of locked) write.fail(error);
    return undefined;
  }
}

function toSync(noted: JournalBatch | undefined, writes: readonly Publishing[]): SyncTask[] {
  if (noted === undefined) return [];
  const fail = (error: unknown) => {
    // A second sync of it would succeed, though what failed has not been written (fsync(2)).
    noted.distrust();
    failing(writes)(error);
  };
  return [{ what: { content: noted.fd }, fail }];
}

const begin = (write: Publishing) => write.begin();
const lock = (write: Publishing) => write.lock();
const place = (write: Publishing) => write.place();
const settle = (write: Publishing) => write.settle();

function each(writes: readonly Publishing[], step: (write: Publishing) => void): void {
  for (const write of writes) {
    try {
      if (!write.isFailed) step(write);
    } catch (error) {
      write.fail(error);
    }
  }
}

/** What is done once for all; all fail if it does. */
function forAll(writes: readonly Publishing[], step: () => void): void {
  try {
    step();
  } catch (error) {
    for (const write of writes) write.fail(error);
  }
}

function foldersOf(writes: readonly Publishing[]): SyncTask[] {
  return [...new Set(writes.map(({ folder }) => folder))].map((folder) => ({
    what: { folder },
    fail: failing(writes.filter((write) => write.folder === folder)),
  }));
}

function failing(writes: readonly Publishing[]): (error: unknown) => void {
  return (error) => {
    for (const write of writes) write.fail(error);
  };
}

/** One write on its way. A step that fails undoes what the steps before it did, and no other step follows. */
class Publishing {
  isFailed = false;
  readonly folder: string;
  readonly #store: Store;
  readonly #publication: Publication;
  readonly #body: string;
  #temp = "";
  #fd = -1;
  #isTempOurs = false;
  #lock: Lock | undefined;
  #stampUs = 0;
  #error: unknown;

  constructor(store: Store, publication: Publication) {
    this.#store = store;
    this.#publication = publication;
    this.#body = store.layout.body(publication.key);
    this.folder = folderOf(this.#body);
  }

  /** Only the first failure counts. */
  fail(error: unknown): void {
    if (this.isFailed) return;
    this.isFailed = true;
    this.#error = error;
    this.#undo();
  }

  begin(): void {
    const { content, state } = this.#publication;
    state.checkWanted();
    if (content instanceof Uint8Array) this.#write(content);
    else {
      this.#temp = content.temp;
      this.#fd = content.fd;
      // It may be large, so this is not left for when the key is locked.
      this.#store.sync.content(content.fd);
    }
  }

  #write(content: Uint8Array): void {
    const temp = this.#store.newTemp();
    this.#fd = openSync(temp, createFlags, fileMode);
    this.#temp = temp;
    this.#isTempOurs = true;
    writeAll(this.#fd, content);
  }

  /** Under the lock nobody else gives the key a stamp, so the record, which is the lock's content, can name it. */
  lock(): void {
    const { key, record } = this.#publication;
    this.#checkFolders(key);
    const lock = new Lock(this.#store, key);
    try {
      const old = lstatIfThere(this.#body);
      this.#checkConditions(old);
      this.#stampUs = this.#store.stamps.date(this.#fd, old);
      fillStamp(record, this.#stampUs);
      lock.write(record);
      this.#lock = lock;
    } catch (error) {
      lock.release();
      prune(this.#store, this.#store.layout.base, this.folder);
      throw error;
    } finally {
      lock.close();
    }
  }

  /** That of the body last, so that a refusal leaves none. That of the sidecar is made when it is needed. */
  #checkFolders(key: string): void {
    const { layout, realFolders } = this.#store;
    realFolders.refuseLinks(folderOf(layout.sidecar(key)));
    if (!realFolders.isReal(this.folder)) makeFolder(this.#store, this.folder, key);
  }

  /** Its text, with the stamp. */
  get record(): Uint8Array {
    return this.#publication.record;
  }

  /** With its date. */
  bodyToSync(): readonly SyncTask[] {
    return this.isFailed ? [] : [{ what: { file: this.#fd }, fail: (error) => this.fail(error) }];
  }

  #checkConditions(old: Stats | undefined): void {
    const { key, ifAbsent, ifMatch } = this.#publication;
    if (old?.isDirectory()) clearEmptyFolder(this.#store.layout, this.#body);
    else if (ifAbsent && old !== undefined) throw existsAlready(key);
    if (ifMatch === undefined) return;
    const described = statIfThere(this.#store, key);
    if (described !== undefined && recordOf(described)?.version === ifMatch) return;
    throw new DiskError("precondition_failed", `'${key}' is not at the version that was asked for`);
  }

  /** Others may prune the folder, or put a file where a folder was, until the very last moment. */
  place(): void {
    const { key, state } = this.#publication;
    state.checkWanted();
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const errno = this.#tryPlace();
      if (errno === undefined) return;
      if (errno === "EISDIR") clearEmptyFolder(this.#store.layout, this.#body);
      else makeFolder(this.#store, this.folder, key);
    }
    throw new DiskError("busy", "the folder of the key changes too fast");
  }

  /** The errno of a failure that can be mended. */
  #tryPlace(): string | undefined {
    const { key, ifAbsent } = this.#publication;
    try {
      // To sync, or to compare a large body with a condition, may have taken long.
      this.#store.realFolders.refuseLinks(this.folder);
      if (ifAbsent) moveIfAbsent(this.#temp, this.#body);
      else renameSync(this.#temp, this.#body);
      // From here on there is nothing to undo.
      this.#isTempOurs = false;
      this.#lock = undefined;
      return undefined;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "EEXIST" && ifAbsent) throw existsAlready(key);
      if (errno === "EISDIR" || errno === "ENOENT" || errno === "ENOTDIR") return errno;
      throw error;
    }
  }

  /** The body is visible, so the write happened: readers find its record where it is pending, too. */
  settle(): void {
    try {
      releaseAsSidecar(this.#store, this.#publication.key);
    } catch {
      // No room for a folder, say: the next writer of the key, or the next process, puts the record away.
    }
  }

  end(): Published {
    if (this.#publication.content instanceof Uint8Array && this.#fd !== -1) closeSync(this.#fd);
    return this.isFailed ? { error: this.#error } : { stampUs: this.#stampUs };
  }

  #undo(): void {
    if (this.#isTempOurs) discardQuietly(this.#temp);
    if (this.#lock === undefined) return;
    this.#lock.release();
    prune(this.#store, this.#store.layout.base, this.folder);
  }
}

/** Unlike rename(2), link(2) never replaces, not even a file that something else put there. */
function moveIfAbsent(temp: string, body: string): void {
  linkSync(temp, body);
  discardQuietly(temp);
}

function existsAlready(key: string): DiskError {
  return new DiskError("precondition_failed", `there is an object '${key}' already`);
}
