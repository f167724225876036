import type { AssembleJob } from "./assemble.js";
import type { CheckpointJob } from "./checkpoint.js";
import type { CopyJob } from "./copy.js";
import type { SentError } from "./disk-error.js";
import type { ListJob, ListReply } from "./list.js";
import type { QuickJobs } from "./quick-jobs.js";
import type { ReadJob, ReadReply, StatJob } from "./read.js";
import type { Described } from "./record.js";
import type { RemoveJob } from "./remove.js";
import type { StoreSettings } from "./store.js";
import type { StreamedJob, WriteJob } from "./write.js";

/** What a thread can be asked to do, and what it answers. */
export interface JobKinds {
  readonly sweep: { readonly job: Record<string, never>; readonly reply: boolean };
  readonly checkpoint: { readonly job: CheckpointJob; readonly reply: undefined };
  /** Its bytes, and the text of its record, lie in the slab; the reply is the stamp. */
  readonly putBytes: { readonly job: WriteJob; readonly reply: number };
  readonly putStreamed: { readonly job: StreamedJob; readonly reply: number };
  readonly copy: { readonly job: CopyJob; readonly reply: Described };
  readonly assemble: { readonly job: AssembleJob; readonly reply: Described };
  readonly remove: { readonly job: RemoveJob; readonly reply: boolean };
  readonly stat: { readonly job: StatJob; readonly reply: ReadReply };
  readonly read: { readonly job: ReadJob; readonly reply: ReadReply };
  readonly list: { readonly job: ListJob; readonly reply: ListReply };
}

export type JobKind = keyof JobKinds;

/** One job on its way; `offset` and `length` say which part of the slab is its own. */
export type SentJob<Each extends JobKind = JobKind> = {
  readonly [Kind in Each]: {
    readonly kind: Kind;
    readonly job: JobKinds[Kind]["job"];
    readonly offset: number;
    readonly length: number;
    /** Bytes of text at the end of that part. */
    readonly textLength: number;
  };
}[Each];

/**
 * Jobs that a thread gets at once. They travel as {@link QuickJobs}, or else as JSON, as their {@link SentOutcome}s do,
 * which is several times faster for small objects than structured cloning; bytes lie in the slab.
 */
export interface SentBatch {
  readonly lane: number;
  readonly store: StoreSettings;
  /** `null` for a quick one. */
  readonly jobs: readonly (SentJob | null)[];
}

/** The answer to a {@link SentBatch}. */
export interface SentAnswer {
  readonly lane: number;
  /** `null` for a quick one. */
  readonly outcomes: readonly (SentOutcome | null)[];
  /** How long the thread stood still for the disk. */
  readonly waitedMs: number;
}

/** Memory of both sides for one batch after the other. */
export interface LaneMemory {
  /** Bytes in both directions. */
  readonly slab: SharedArrayBuffer;
  /** Where both sides tell how the jobs of a batch stand. */
  readonly states: SharedArrayBuffer;
  /** Where {@link QuickJobs} and their answers lie. */
  readonly quick: SharedArrayBuffer;
}

/** What a thread is given when it starts. */
export interface ThreadSettings {
  readonly lanes: readonly LaneMemory[];
}

/** How one job of a batch ended. */
export type SentOutcome = { readonly value: JobKinds[JobKind]["reply"] } | { readonly error: SentError };
