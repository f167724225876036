import { DiskError, receiveError } from "./disk-error.js";
import type { JobKind, JobKinds } from "./jobs.js";
import type { StoreSettings } from "./store.js";
import { ThreadGroup } from "./thread-group.js";
import { type Outcome, WaitingJob } from "./waiting-job.js";

/**
 * The threads of the process, shared by all its stores. Reads do not wait for syncs, and nobody waits for a long
 * copy or a folder of a million names.
 */
const reads = new ThreadGroup({ threads: 1, maxThreads: 4, batch: 64, lanes: 4 });
/** Few at a time, for the first has to wait for the syncs of the last. */
const syncedWrites = new ThreadGroup({ threads: 1, maxThreads: 6, batch: 8, lanes: 2 });
/** Two, for four fifths of the time are the kernel's, and nothing is shared. */
const unsyncedWrites = new ThreadGroup({ threads: 2, maxThreads: 6, batch: 8, lanes: 1 });
const longs = new ThreadGroup({ threads: 4, maxThreads: 4, batch: 1, lanes: 1 });
/** Apart from copies, so that neither waits for the other. */
const checkpoints = new ThreadGroup({ threads: 4, maxThreads: 4, batch: 1, lanes: 1 });
const lists = new ThreadGroup({ threads: 1, maxThreads: 1, batch: 64, lanes: 2 });
const groups = [reads, syncedWrites, unsyncedWrites, longs, checkpoints, lists];

function groupOf(kind: JobKind, { isDurable }: StoreSettings): ThreadGroup {
  if (kind === "read" || kind === "stat") return reads;
  if (kind === "list") return lists;
  if (kind === "copy" || kind === "assemble") return longs;
  if (kind === "checkpoint") return checkpoints;
  return isDurable ? syncedWrites : unsyncedWrites;
}

/** A job's answer, and the bytes it left in its part of the slab, to be copied before anything else happens. */
export interface Answer<Kind extends JobKind> {
  readonly reply: JobKinds[Kind]["reply"];
  readonly bytes: Uint8Array;
}

/** What goes with a job. */
export interface JobOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called now and then while a long job moves bytes. */
  readonly onProgress?: (() => void) | undefined;
  /** Copied before the next turn of the event loop ends. */
  readonly payload?: Uint8Array;
  /** Text that goes along. */
  readonly text?: string;
  /** Bytes that the answer may need. */
  readonly room?: number;
}

/** Runs the blocking work of one store on the threads of the process. */
export class DiskThreads {
  readonly #store: StoreSettings;
  #running = 0;
  #isClosed = false;
  #whenDone: (() => void) | undefined;

  constructor(store: StoreSettings) {
    this.#store = store;
    for (const group of groups) group.retain();
  }

  /** Starts threads before there is work, so that the first requests do not wait for them. */
  prepare(): void {
    reads.prepare();
    groupOf("putBytes", this.#store).prepare();
  }

  /**
   * Runs a job and hands its answer to `use` in the same turn. When the signal fires, a job that has not begun
   * ends at once; one that runs ends when its thread has ended it, with the signal's reason or with its answer
   * where it was too late to stop it.
   */
  run<Kind extends JobKind, T>(
    kind: Kind,
    job: JobKinds[Kind]["job"],
    use: (answer: Answer<Kind>) => T,
    { signal, onProgress, payload, text, room = 0 }: JobOptions = {},
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw new DiskError("unavailable", "the storage is closed");
      signal?.throwIfAborted();
      this.#running++;
      const settle = (outcome: Outcome, bytes: Uint8Array) => {
        this.#finish();
        if ("thrown" in outcome) return reject(outcome.thrown);
        if ("error" in outcome) return reject(receiveError(outcome.error));
        resolve(use({ reply: outcome.value as JobKinds[Kind]["reply"], bytes }));
      };
      const sentBytes = (payload?.byteLength ?? 0) + (text === undefined ? 0 : Buffer.byteLength(text));
      const store = this.#store;
      groupOf(kind, store).add(
        new WaitingJob({
          store,
          kind,
          job,
          payload,
          text,
          room: Math.max(room, sentBytes),
          signal,
          onProgress,
          settle,
        }),
      );
    });
  }

  /** Lets running jobs end. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#whenDone = resolve;
      });
    }
    for (const group of groups) group.release();
  }

  #finish(): void {
    this.#running--;
    if (this.#running === 0) this.#whenDone?.();
  }
}
