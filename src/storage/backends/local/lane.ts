import { DiskError } from "./disk-error.js";
import { type JobState, jobStatesIn, newJobStates } from "./job-state.js";
import type { LaneMemory, SentJob, SentOutcome } from "./jobs.js";
import { newQuickMemory, QuickJobs } from "./quick-jobs.js";
import type { Outcome, WaitingJob } from "./waiting-job.js";

/** Bytes that travel with one batch. */
export const slabBytes: number = 512 * 1024;

/** Holds one batch at a time, on its way to a thread and back. */
export class Lane {
  readonly memory: LaneMemory = {
    slab: new SharedArrayBuffer(slabBytes),
    states: newJobStates(),
    quick: newQuickMemory(),
  };
  readonly #slab = Buffer.from(this.memory.slab);
  readonly #states: readonly JobState[] = jobStatesIn(this.memory.states);
  readonly #quick = new QuickJobs(this.memory.quick, this.#slab);
  #batch: readonly WaitingJob[] = [];

  /** How many jobs are under way. */
  get load(): number {
    return this.#batch.length;
  }

  /** Takes jobs, whose bytes are copied now. */
  fill(batch: readonly WaitingJob[]): (SentJob | null)[] {
    this.#batch = batch;
    let offset = 0;
    return batch.map((waiting, index) => {
      const { kind, job, payload, text, room } = waiting.asked;
      const state = this.#states[index];
      if (state !== undefined) waiting.join(state);
      if (payload !== undefined) this.#slab.set(payload, offset);
      const textLength = text === undefined ? 0 : this.#slab.write(text, offset + (payload?.byteLength ?? 0));
      const sent = { kind, job, offset, length: room, textLength } as SentJob;
      offset += room;
      return this.#quick.ask(index, sent) ? null : sent;
    });
  }

  /** Hands out the answers, each with the bytes of its job, to be copied at once. */
  settle(outcomes: readonly (SentOutcome | null)[]): void {
    let offset = 0;
    this.#finish((waiting, index) => {
      const { room } = waiting.asked;
      const outcome = outcomes[index];
      const answer = outcome === null ? { value: this.#quick.answered(index, offset) } : outcome;
      waiting.settle(answer ?? { thrown: noAnswer() }, this.#slab.subarray(offset, offset + room));
      offset += room;
    });
  }

  /** The thread is gone, and with it what it was at. */
  lose(outcome: Outcome): void {
    this.#finish((waiting) => waiting.settle(outcome, this.#slab));
  }

  #finish(settle: (waiting: WaitingJob, index: number) => void): void {
    const batch = this.#batch;
    this.#batch = [];
    batch.forEach(settle);
  }
}

function noAnswer(): DiskError {
  return new DiskError("unavailable", "a disk thread gave no answer");
}
