import { unlessAborted } from "../../contract/abortable.js";
import { KeyQueue } from "./commit/key-queue.js";
import { DiskError, isBusy } from "./disk/disk-error.js";
import { Store, type StoreSettings } from "./store.js";
import { type Answer, type CallExtras, Channel, DirectWork, hasProgram } from "./threads/channel.js";
import type { JobKind, JobKinds } from "./threads/jobs.js";

/** How long a write waits for writers of other processes, in milliseconds. */
const maxBusyMs = 40_000;
const maxBusyPauseMs = 16;

/** By path of the body, so all stores of a process that lie in one folder share it. */
const writers = new KeyQueue();

/**
 * The threads of the process, shared by all its stores: reads do not wait for writes, and neither waits for a folder of a
 * million names.
 */
const channels = { reads: new Channel("reads"), writes: new Channel("writes"), lists: new Channel("lists") };
const direct = hasProgram ? undefined : new DirectWork();

function channelOf(kind: JobKind): Channel | DirectWork {
  if (direct !== undefined) return direct;
  if (kind === "read" || kind === "stat") return channels.reads;
  return kind === "commit" || kind === "remove" ? channels.writes : channels.lists;
}

/** A base folder that is open for work. */
export class OpenStore {
  /** For the work that is done on the thread pool of Node: bodies of more than 64 KiB and uploads. */
  readonly store: Store;
  readonly #settings: StoreSettings;
  #running = 0;
  #isClosed = false;
  #whenIdle: (() => void) | undefined;

  constructor(settings: StoreSettings) {
    this.#settings = settings;
    this.store = new Store(settings);
    if (direct === undefined) for (const channel of Object.values(channels)) channel.retain();
  }

  /** Runs a job that changes a key; one at a time, and again while another process holds the key. */
  async change<Kind extends "commit" | "remove">(
    kind: Kind,
    key: string,
    job: JobKinds[Kind]["job"],
    extras: CallExtras,
  ): Promise<JobKinds[Kind]["reply"]> {
    const path = this.store.layout.body(key);
    const turn = writers.enter(path, extras.signal);
    if (turn !== undefined) await turn;
    try {
      return await this.#untilFree(kind, job, extras);
    } finally {
      writers.leave(path);
    }
  }

  /** Asks for something that changes nothing, so the caller waits no longer once the signal has fired. */
  async ask<Kind extends "stat" | "list">(
    kind: Kind,
    job: JobKinds[Kind]["job"],
    signal: AbortSignal | undefined,
  ): Promise<JobKinds[Kind]["reply"]> {
    return (await unlessAborted(() => this.call(kind, job), signal)).reply;
  }

  /** Runs one job in its thread. */
  async call<Kind extends JobKind>(
    kind: Kind,
    job: JobKinds[Kind]["job"],
    extras: CallExtras = {},
  ): Promise<Answer<Kind>> {
    if (this.#isClosed) throw new DiskError("unavailable", "the storage is closed");
    this.#running++;
    try {
      return await channelOf(kind).call(this.#settings, kind, job, extras);
    } finally {
      this.#running--;
      if (this.#running === 0) this.#whenIdle?.();
    }
  }

  /** Lets running jobs end. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    if (direct !== undefined) await direct.call(this.#settings, "close", {});
    else for (const channel of Object.values(channels)) channel.release(this.#settings);
    this.store.guard.close();
  }

  async #untilFree<Kind extends "commit" | "remove">(
    kind: Kind,
    job: JobKinds[Kind]["job"],
    extras: CallExtras,
  ): Promise<JobKinds[Kind]["reply"]> {
    const startMs = performance.now();
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, maxBusyPauseMs)) {
      extras.signal?.throwIfAborted();
      try {
        return (await this.call(kind, job, extras)).reply;
      } catch (error) {
        if (!isBusy(error) || performance.now() - startMs > maxBusyMs) throw error;
        await new Promise((done) => setTimeout(done, pauseMs * Math.random()));
      }
    }
  }
}
