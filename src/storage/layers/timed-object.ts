import type { Bytes, ObjectStat, OpenedObject } from "../contract/backend.js";
import type { Deadline } from "./deadline.js";

/** An opened object whose body fails when a piece is too long in coming. The clock runs while its reader waits for one. */
export class TimedObject implements OpenedObject {
  readonly stat: ObjectStat;
  readonly start: number;
  readonly end: number;
  readonly bytes: undefined;
  readonly #opened: OpenedObject;
  readonly #deadline: Deadline;

  constructor(opened: OpenedObject, deadline: Deadline) {
    this.stat = opened.stat;
    this.start = opened.start;
    this.end = opened.end;
    this.#opened = opened;
    this.#deadline = deadline;
    deadline.pause();
  }

  get body(): Bytes {
    return this.#pieces();
  }

  close(): Promise<void> {
    this.#deadline.end();
    return this.#opened.close();
  }

  async *#pieces(): Bytes {
    const deadline = this.#deadline;
    const iterator = this.#opened.body[Symbol.asyncIterator]();
    let isLeft = false;
    try {
      for (;;) {
        const { done, value } = await deadline.next(iterator);
        isLeft = done === true;
        if (done) return;
        yield value;
      }
    } catch (error) {
      isLeft = true;
      // A source that hangs could not answer, so its end is not waited for.
      iterator.return?.().catch(() => undefined);
      throw error;
    } finally {
      deadline.end();
      if (!isLeft) await iterator.return?.();
    }
  }
}
