import { Worker } from "node:worker_threads";
import { DiskError } from "./disk-error.js";
import type { SentAnswer, SentBatch, ThreadSettings } from "./jobs.js";
import { Lane } from "./lane.js";
import type { WaitingJob } from "./waiting-job.js";

/** What a thread tells those who give it work. */
export interface ThreadEvents {
  /** A lane is free; each of the jobs in it waited so long for the disk. */
  readonly onFree: (waitedMs: number) => void;
  readonly onLost: (error: Error) => void;
}

/** One thread. While it works on the batch of one lane, the others are emptied and filled. */
export class DiskThread {
  isStarting = true;
  readonly #worker: Worker;
  readonly #lanes: readonly Lane[];
  readonly #events: ThreadEvents;
  #whenIdle: (() => void) | undefined;

  constructor(lanes: number, events: ThreadEvents) {
    this.#events = events;
    this.#lanes = Array.from({ length: lanes }, () => new Lane());
    // Descriptors are handed to the main thread, so the worker must not close them when it ends.
    this.#worker = new Worker(new URL("./thread.js", import.meta.url), {
      workerData: { lanes: this.#lanes.map(({ memory }) => memory) } satisfies ThreadSettings,
      trackUnmanagedFds: false,
      execArgv: [],
      name: "svc-infra-disk",
    });
    this.#worker.on("message", (message: string) => this.#receive(message));
    let cause = new DiskError("unavailable", "a disk thread ended");
    this.#worker.on("error", (error) => {
      cause = Object.assign(cause, { cause: error });
    });
    this.#worker.on("exit", () => {
      events.onLost(cause);
      for (const lane of this.#lanes) lane.lose({ thrown: cause });
      this.#whenIdle?.();
    });
  }

  /** A batch may be taken as often as this says. */
  get freeLanes(): number {
    if (this.isStarting) return 0;
    let free = 0;
    for (const lane of this.#lanes) if (lane.load === 0) free++;
    return free;
  }

  get isIdle(): boolean {
    return this.#lanes.every((lane) => lane.load === 0);
  }

  /** Takes jobs of one store. */
  take(batch: readonly WaitingJob[]): void {
    const [first] = batch;
    const lane = this.#lanes.findIndex(({ load }) => load === 0);
    const chosen = this.#lanes[lane];
    if (first === undefined || chosen === undefined) return;
    if (this.isIdle) this.#worker.ref();
    const sent: SentBatch = { lane, store: first.asked.store, jobs: chosen.fill(batch) };
    this.#worker.postMessage(JSON.stringify(sent));
  }

  async end(): Promise<void> {
    if (!this.isIdle) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    await this.#worker.terminate();
  }

  #receive(message: string): void {
    if (message === "ready") {
      this.isStarting = false;
      this.#worker.unref();
      this.#events.onFree(0);
      return;
    }
    const { lane, outcomes, waitedMs }: SentAnswer = JSON.parse(message);
    this.#lanes[lane]?.settle(outcomes);
    if (this.isIdle) {
      this.#worker.unref();
      this.#whenIdle?.();
    }
    this.#events.onFree(waitedMs / outcomes.length);
  }
}
