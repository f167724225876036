import { DiskError } from "./disk-error.js";

const [phase, steps] = [0, 1];
const cellsEach = 2;
const [waiting, running, unwanted] = [0, 1, 2];

/** Jobs that a thread gets at once, at most. */
export const maxBatch = 64;

/** Memory for the states of one batch after the other. */
export function newJobStates(): SharedArrayBuffer {
  return new SharedArrayBuffer(maxBatch * cellsEach * Int32Array.BYTES_PER_ELEMENT);
}

/** The states of the jobs of a batch, for one side. */
export function jobStatesIn(states: SharedArrayBuffer): readonly JobState[] {
  return Array.from({ length: maxBatch }, (_, index) => new JobState(states, index));
}

/** What the main thread and a disk thread tell each other about a job while it waits and runs. */
export class JobState {
  readonly #cells: Int32Array;

  /** @param index - place of the job in its batch. */
  constructor(states: SharedArrayBuffer, index: number) {
    const bytesEach = cellsEach * Int32Array.BYTES_PER_ELEMENT;
    this.#cells = new Int32Array(states, index * bytesEach, cellsEach);
  }

  /** Main thread, before it hands the job over. */
  reset(): void {
    this.#cells.fill(0);
  }

  /** Main thread: nobody wants the job any more. `true` when it had not begun, and so never will. */
  callOff(): boolean {
    return Atomics.exchange(this.#cells, phase, unwanted) === waiting;
  }

  /** Rises while the job moves bytes. */
  get steps(): number {
    return Atomics.load(this.#cells, steps);
  }

  /** Disk thread: `false` when the job was called off. */
  begin(): boolean {
    return Atomics.compareExchange(this.#cells, phase, waiting, running) === waiting;
  }

  /**
   * Disk thread, as often as it can, and right before the job becomes visible.
   *
   * @throws DiskError `aborted` when the job was called off.
   */
  checkWanted(): void {
    if (Atomics.load(this.#cells, phase) === unwanted) throw calledOff();
  }

  /** Disk thread: bytes moved. Ends the job like {@link checkWanted} when it was called off. */
  step(): void {
    this.checkWanted();
    Atomics.add(this.#cells, steps, 1);
  }
}

/** A job in the hands of a thread. */
export type Running<Job> = Job & { readonly state: JobState };

/** The error of a job that was called off. */
export function calledOff(): DiskError {
  return new DiskError("aborted", "the call was given up");
}
