import { unlessAborted } from "../../contract/abortable.js";
import type { CheckpointSchedule } from "./checkpoint-schedule.js";
import { isBusy } from "./disk-error.js";
import type { Answer, DiskThreads, JobOptions } from "./disk-threads.js";
import type { JobKind, JobKinds } from "./jobs.js";
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
  readonly #checkpoints: CheckpointSchedule | undefined;
  #closing: Promise<void> | undefined;

  constructor(store: Store, threads: DiskThreads, checkpoints: CheckpointSchedule | undefined) {
    this.store = store;
    this.threads = threads;
    this.#checkpoints = checkpoints;
  }

  /** Runs a job that changes a key; one at a time, and again while another process is at it. */
  async commit<Kind extends Change>(
    kind: Kind,
    key: string,
    job: JobKinds[Kind]["job"],
    options: JobOptions,
  ): Promise<JobKinds[Kind]["reply"]> {
    const path = this.store.layout.body(key);
    const turn = writers.enter(path, options.signal);
    if (turn !== undefined) await turn;
    try {
      return await this.#untilIdle(kind, job, options);
    } finally {
      writers.leave(path);
    }
  }

  /** Asks what changes nothing, so nobody waits for the answer once the signal has fired. */
  ask<Kind extends "stat" | "list">(
    kind: Kind,
    job: JobKinds[Kind]["job"],
    options: Pick<JobOptions, "signal" | "room">,
  ): Promise<JobKinds[Kind]["reply"]> {
    return unlessAborted(() => this.threads.run(kind, job, replyOf, options), options.signal);
  }

  /** Lets running jobs end. However often it is called, it is done once. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.threads.close();
    await this.#checkpoints?.close();
  }

  async #untilIdle<Kind extends Change>(
    kind: Kind,
    job: JobKinds[Kind]["job"],
    options: JobOptions,
  ): Promise<JobKinds[Kind]["reply"]> {
    const startMs = performance.now();
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, maxBusyPauseMs)) {
      options.signal?.throwIfAborted();
      try {
        return await this.threads.run(kind, job, replyOf, options);
      } catch (error) {
        if (!isBusy(error) || performance.now() - startMs > maxBusyMs) throw error;
        await new Promise((done) => setTimeout(done, pauseMs * Math.random()));
      }
    }
  }
}

function replyOf<Kind extends JobKind>({ reply }: Answer<Kind>): JobKinds[Kind]["reply"] {
  return reply;
}
