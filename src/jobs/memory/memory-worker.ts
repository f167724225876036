import type { Cancellation } from "../cancellation.js";
import type { Worker } from "../job-driver.js";

/** Tells a running job that its worker ends; the job is not at fault. */
export class GivenBack extends Error {}

interface Running {
  cancellation?: Cancellation;
}

/** What a worker needs of the driver. */
interface WorkerSource<Entry extends Running> {
  readonly take: () => Entry | undefined;
  readonly run: (entry: Entry) => Promise<void>;
  readonly onClose: () => void;
}

/** Runs up to so many entries at a time. */
export class MemoryWorker<Entry extends Running> implements Worker {
  readonly #concurrency: number;
  readonly #source: WorkerSource<Entry>;
  readonly #running = new Map<Entry, Promise<void>>();
  #isClosing = false;

  constructor(concurrency: number, source: WorkerSource<Entry>) {
    this.#concurrency = concurrency;
    this.#source = source;
  }

  fill(): void {
    while (!this.#isClosing && this.#running.size < this.#concurrency) {
      const entry = this.#source.take();
      if (entry === undefined) return;
      const running = this.#source.run(entry).finally(() => {
        this.#running.delete(entry);
        this.fill();
      });
      this.#running.set(entry, running);
    }
  }

  async close(timeoutMs: number): Promise<void> {
    this.#isClosing = true;
    this.#source.onClose();
    const timer = setTimeout(() => this.#giveBack(), timeoutMs);
    await Promise.all(this.#running.values());
    clearTimeout(timer);
  }

  #giveBack(): void {
    for (const entry of this.#running.keys()) {
      entry.cancellation?.cancel(new GivenBack("the service is closing"));
    }
  }
}
