import { type CommitJob, commit } from "../commit/commit.js";
import { migrateJournals } from "../commit/old-journals.js";
import { type RemoveJob, removeObject } from "../commit/remove.js";
import { Sweep } from "../commit/sweep.js";
import { statObject } from "../read/find.js";
import { Lister, type ListJob, type ListReply } from "../read/list.js";
import { type ReadJob, type ReadReply, readObject, type StatJob, unlessKnown } from "../read/read.js";
import type { DescribedFile } from "../record/record.js";
import { Store, type StoreSettings } from "../store.js";

/** What a thread can be asked to do, and what it answers. */
export interface JobKinds {
  /** The reply is the modification time of the body in microseconds. */
  readonly commit: { readonly job: CommitJob; readonly reply: number };
  readonly remove: { readonly job: RemoveJob; readonly reply: boolean };
  readonly stat: { readonly job: StatJob; readonly reply: DescribedFile | null };
  readonly read: { readonly job: ReadJob; readonly reply: ReadReply };
  readonly list: { readonly job: ListJob; readonly reply: ListReply };
  /** The reply is `false` when there is more to clear away. */
  readonly sweep: { readonly job: Record<string, never>; readonly reply: boolean };
  /** The reply is `false` when keys that have lost their records are locked. */
  readonly migrate: { readonly job: Record<string, never>; readonly reply: boolean };
  /** The store is closed: its descriptors are, too. */
  readonly close: { readonly job: Record<string, never>; readonly reply: undefined };
}

export type JobKind = keyof JobKinds;

/** Memory for so many bytes of a reply. */
export type Room = (bytes: number) => Uint8Array;

/** The work on one folder, as one thread does it. */
export class Work {
  readonly #store: Store;
  readonly #lister: Lister;
  readonly #sweep: Sweep;

  constructor(settings: StoreSettings) {
    this.#store = new Store(settings);
    this.#lister = new Lister(this.#store);
    this.#sweep = new Sweep(this.#store);
  }

  /**
   * Does a job. The kinds that only block are done when this returns.
   *
   * @param bytes - what comes along with a commit.
   */
  run(kind: JobKind, job: unknown, bytes: Uint8Array, room: Room): unknown {
    const store = this.#store;
    if (kind === "read") return readObject(store, job as ReadJob, room);
    if (kind === "stat") return statOf(store, job as StatJob);
    if (kind === "commit") return commit(store, job as CommitJob, bytes);
    if (kind === "remove") return removeObject(store, job as RemoveJob);
    if (kind === "list") return this.#lister.list(job as ListJob);
    if (kind === "migrate") return migrateJournals(store);
    if (kind === "sweep") return this.#sweep.run();
    return store.guard.close();
  }
}

function statOf(store: Store, { key, known }: StatJob): DescribedFile | null {
  return unlessKnown(statObject(store, key, known));
}
