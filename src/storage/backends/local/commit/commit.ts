import { closeSync, linkSync, renameSync, type Stats } from "node:fs";
import type { WriteConditions } from "../../../contract/backend.js";
import { busy, conditionFailed, errnoOf } from "../disk/disk-error.js";
import { discardQuietly, lstatIfThere, writeAll } from "../disk/files.js";
import { clearEmptyFolder, createOwn, makeFolder, prune } from "../disk/folders.js";
import type { KeyPaths } from "../disk/layout.js";
import { statIfThere } from "../read/find.js";
import { type ObjectRecord, type RecordDraft, recordText } from "../record/record.js";
import type { Store } from "../store.js";
import { Lock } from "./lock.js";

const maxAttempts = 8;

/** A body that is to become the object of its key. */
export interface CommitJob extends WriteConditions {
  readonly key: string;
  readonly draft: RecordDraft;
  /** An open temporary file that is complete and stays the caller's; absent where the bytes are handed over. */
  readonly streamed?: { readonly temp: string; readonly fd: number } | undefined;
}

/**
 * Makes a body the object of its key. The rename of the body is the only instant that counts: before it the old object
 * stands, after it the new one with its record. The record is durable before, so after a crash it is certain on which
 * side of that instant it happened. The steps are listed in README.md of this backend.
 *
 * @param bytes - the body, unless it was streamed.
 */
export async function commit(store: Store, job: CommitJob, bytes?: Uint8Array): Promise<ObjectRecord> {
  const running = new Commit(store, job);
  const { isDurable } = store.sync;
  try {
    running.begin(bytes);
    if (job.ifMatch !== undefined) await running.checkVersion(job.ifMatch);
    running.writeRecord();
    if (isDurable) await running.syncRecord();
    running.place();
  } catch (error) {
    try {
      running.undo();
    } finally {
      running.close();
    }
    throw error;
  }
  try {
    // Before the lock file goes: else a power cut could leave the old body beside the new record. Folders above may be new.
    const { bodyFolder } = running.paths;
    if (isDurable) await Promise.all([store.sync.folder(bodyFolder), ...store.sync.above(bodyFolder)]);
    return running.settle();
  } finally {
    running.close();
  }
}

/** One write before it is committed. */
class Commit {
  readonly paths: KeyPaths;
  readonly #store: Store;
  readonly #job: CommitJob;
  #temp: string;
  #fd: number;
  #isTempOurs = false;
  #mtimeUs = 0;
  #lock: Lock | undefined;
  #replaced: Stats | undefined;

  constructor(store: Store, job: CommitJob) {
    this.#store = store;
    this.#job = job;
    store.layout.checkSpelling(job.key);
    this.paths = store.layout.pathsOf(job.key);
    this.#temp = job.streamed?.temp ?? "";
    this.#fd = job.streamed?.fd ?? -1;
  }

  /** Writes the temporary file, takes the lock and checks that an object may be put at the key. */
  begin(bytes: Uint8Array | undefined): void {
    if (bytes !== undefined) this.#write(bytes);
    this.#makeFolders();
    this.#lock = new Lock(this.#store, this.paths.lock);
    this.#replaced = lstatIfThere(this.paths.body);
    this.#checkPlace(this.#replaced);
  }

  #write(bytes: Uint8Array): void {
    this.#temp = this.#store.newTemp();
    this.#fd = createOwn(this.#store, this.#store.layout.temps, this.#temp);
    this.#isTempOurs = true;
    writeAll(this.#fd, bytes);
  }

  /** The folder of the sidecar is only checked for links; it is made when it is needed. */
  #makeFolders(): void {
    const { guard } = this.#store;
    guard.isReal(this.paths.sidecarFolder);
    if (!guard.isReal(this.paths.bodyFolder)) makeFolder(this.#store, this.paths.bodyFolder, this.#job.key);
  }

  #checkPlace(old: Stats | undefined): void {
    const { ifAbsent } = this.#job;
    if (old?.isDirectory()) clearEmptyFolder(this.#store, this.paths.body);
    else if (ifAbsent && old !== undefined) throw conditionFailed();
  }

  async checkVersion(ifMatch: string): Promise<void> {
    const { key } = this.#job;
    const record = await statIfThere(this.#store, key);
    if (record?.version !== ifMatch) throw conditionFailed();
    // statIfThere may have restored the date of the body.
    this.#replaced = lstatIfThere(this.paths.body);
  }

  /** While the lock is held only this writer dates bodies of the key, so the record can contain the date. */
  writeRecord(): void {
    const { key, draft } = this.#job;
    this.#mtimeUs = this.#store.dates.date(this.#fd, this.#replaced);
    this.#lock?.write(recordText(key, this.#mtimeUs, draft, this.#store.ownerText));
  }

  /** Makes body and record durable. Folders above the body may have been made by this write or by one before. */
  async syncRecord(): Promise<void> {
    const { sync, layout } = this.#store;
    if (this.#lock === undefined) return;
    await Promise.all([
      sync.file(this.#fd),
      sync.content(this.#lock.fd),
      sync.folder(layout.locks),
      ...sync.above(this.paths.bodyFolder),
    ]);
    this.#lock.checkHeld();
  }

  /** Other writers may remove the empty folder, or put a file where it was, until the very last moment. */
  place(): void {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const errno = this.#tryPlace();
      if (errno === undefined) return;
      if (errno === "EISDIR") clearEmptyFolder(this.#store, this.paths.body);
      else makeFolder(this.#store, this.paths.bodyFolder, this.#job.key);
    }
    throw busy("the folder of the key changes too fast");
  }

  /** The errno of a failure that can be mended. */
  #tryPlace(): string | undefined {
    const { ifAbsent } = this.#job;
    try {
      // The own folder is resolved first: resolving the other may evict a cached descriptor, never this one.
      const { guard, layout } = this.#store;
      const temp = guard.at(this.#temp, layout.temps);
      const body = guard.at(this.paths.body, this.paths.bodyFolder);
      if (ifAbsent) moveIfAbsent(temp, body);
      else renameSync(temp, body);
      // Nothing needs to be undone from here on.
      this.#isTempOurs = false;
      return undefined;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "EEXIST" && ifAbsent) throw conditionFailed();
      if (errno === "EISDIR" || errno === "ENOENT" || errno === "ENOTDIR") return errno;
      throw error;
    }
  }

  /** The body is visible, so the write happened: readers find its record in the lock file, too. */
  settle(): ObjectRecord {
    const { key, draft } = this.#job;
    // In this order: to add a field to a copy takes V8 a microsecond.
    const record = { mtimeUs: this.#mtimeUs, ...draft };
    this.#store.records.set(key, { file: record, record });
    try {
      this.#lock?.becomeSidecar(this.paths);
    } catch {
      // No room for a folder, say: the next writer of the key, or the next process, puts the record away.
    }
    return record;
  }

  undo(): void {
    const temp = this.#isTempOurs ? this.#store.guard.atIfVisible(this.#temp) : undefined;
    if (temp !== undefined) discardQuietly(temp);
    if (this.#lock !== undefined) this.#lock.release();
    prune(this.#store, this.#store.layout.base, this.paths.bodyFolder);
  }

  close(): void {
    this.#lock?.close();
    if (this.#job.streamed === undefined && this.#fd !== -1) closeSync(this.#fd);
  }
}

/** File systems without hard links refuse with one of these. */
const noLinks: ReadonlySet<string | undefined> = new Set([
  "EPERM",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EMLINK",
]);

/** Whether a hard link could not be made because the file system has none. */
export function isWithoutLinks(error: unknown): boolean {
  return noLinks.has(errnoOf(error));
}

/**
 * Unlike rename(2), link(2) never replaces, not even a file that another program put there. Without hard links the
 * lock of the key keeps other writers away.
 */
function moveIfAbsent(temp: string, body: string): void {
  try {
    linkSync(temp, body);
    discardQuietly(temp);
  } catch (error) {
    if (!isWithoutLinks(error)) throw error;
    if (lstatIfThere(body) !== undefined)
      throw Object.assign(new Error("the body exists"), { code: "EEXIST" });
    renameSync(temp, body);
  }
}
