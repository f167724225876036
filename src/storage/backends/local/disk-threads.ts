import { DiskError, receiveError } from "./disk-error.js";
import type { JobKind, JobKinds } from "./jobs.js";
import type { StoreSettings } from "./store.js";
import { ThreadGroup } from "./thread-group.js";
import { type Outcome, WaitingJob } from "./waiting-job.js";

const noBytes = new Uint8Array(0);

/**
 * The threads of the process, shared by all its stores. Those that wait for the disk are many, for it syncs
 * several files as fast as one. Listings have their own: a folder of a million names holds up no one else.
 */
const groups = { full: new ThreadGroup(6), fast: new ThreadGroup(2), list: new ThreadGroup(1) };

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
  /** Bytes that the answer may need. */
  readonly room?: number;
}

/** Runs the blocking work of one store on the threads of the process. */
export class DiskThreads {
  readonly #store: StoreSettings;
  readonly #group: ThreadGroup;
  #running = 0;
  #isClosed = false;
  #whenDone: (() => void) | undefined;

  constructor(store: StoreSettings, group: keyof typeof groups) {
    this.#store = store;
    this.#group = groups[group];
    this.#group.retain();
  }

  /** Starts threads before there is work, so that the first requests do not wait for them. */
  prepare(count: number): void {
    this.#group.prepare(count);
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
    { signal, onProgress, payload = noBytes, room = payload.byteLength }: JobOptions = {},
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
      const store = this.#store;
      this.#group.add(new WaitingJob({ store, kind, job, payload, room, signal, onProgress, settle }));
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
    this.#group.release();
  }

  #finish(): void {
    this.#running--;
    if (this.#running === 0) this.#whenDone?.();
  }
}
