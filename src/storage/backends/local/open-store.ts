import { unlessAborted } from "../../abortable.js";
import { isBusy } from "./disk-error.js";
import type { DiskThreads, JobOptions } from "./disk-threads.js";
import type { JobKinds } from "./jobs.js";
import { KeyQueue } from "./key-queue.js";
import type { Store } from "./store.js";

/** How long a write waits for writers of other processes, in milliseconds. */
const maxBusyMs = 40_000;
const maxBusyPauseMs = 16;

/** By path of the body, so all stores of a process that lie in one folder share it. */
const writers = new KeyQueue();

/** Jobs that change a key. */
type Change = "putBytes" | "putStreamed" | "copy" | "assemble" | "remove";

/** A base folder that is open for work. */
export class OpenStore {
  readonly store: Store;
  readonly threads: DiskThreads;
  readonly listThread: DiskThreads;

  constructor(store: Store, threads: DiskThreads, listThread: DiskThreads) {
    this.store = store;
    this.threads = threads;
    this.listThread = listThread;
  }

  /** Runs a job that changes a key; one at a time, and again while another process is at it. */
  commit<Kind extends Change>(
    kind: Kind,
    key: string,
    job: JobKinds[Kind]["job"],
    options: JobOptions,
  ): Promise<JobKinds[Kind]["reply"]> {
    const { signal } = options;
    const change = () => this.threads.run(kind, job, ({ reply }) => reply, options);
    return writers.run(this.store.layout.body(key), () => untilIdle(change, signal), signal);
  }

  /** Asks what changes nothing, so nobody waits for the answer once the signal has fired. */
  ask<Kind extends "stat" | "list">(
    kind: Kind,
    job: JobKinds[Kind]["job"],
    signal: AbortSignal | undefined,
  ): Promise<JobKinds[Kind]["reply"]> {
    const threads = kind === "list" ? this.listThread : this.threads;
    return unlessAborted(() => threads.run(kind, job, ({ reply }) => reply, { signal }), signal);
  }

  /** Lets running jobs end. */
  async close(): Promise<void> {
    await Promise.all([this.threads.close(), this.listThread.close()]);
  }
}

async function untilIdle<T>(change: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const startMs = performance.now();
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, maxBusyPauseMs)) {
    signal?.throwIfAborted();
    try {
      return await change();
    } catch (error) {
      if (!isBusy(error) || performance.now() - startMs > maxBusyMs) throw error;
      await new Promise((done) => setTimeout(done, pauseMs * Math.random()));
    }
  }
}
