import type { Bytes, ObjectStat, OpenedObject, ReadOptions } from "../contract/backend.js";
import { BackendUnavailableError } from "../contract/error.js";

/** Where to go on, and in which version. */
export type Remainder = Pick<ReadOptions, "range" | "ifMatch">;

/** How a broken body is gone on with. */
export interface Resumption {
  /** Opens the rest of the object. */
  reopen(rest: Remainder): Promise<OpenedObject>;
  /** Waits before the next attempt in a row; `false` when there shall be none. */
  pause(error: unknown, attempt: number): Promise<boolean>;
}

/** An opened object whose body goes on where it broke, in the same version. */
export class ResumedObject implements OpenedObject {
  readonly stat: ObjectStat;
  readonly start: number;
  readonly end: number;
  readonly bytes: undefined;
  readonly #resumption: Resumption;
  #current: OpenedObject;

  constructor(opened: OpenedObject, resumption: Resumption) {
    this.stat = opened.stat;
    this.start = opened.start;
    this.end = opened.end;
    this.#current = opened;
    this.#resumption = resumption;
  }

  get body(): Bytes {
    return this.#pieces();
  }

  close(): Promise<void> {
    return this.#current.close();
  }

  async *#pieces(): Bytes {
    let at = this.start;
    for (let attempt = 1; ; attempt++) {
      try {
        for await (const piece of this.#current.body) {
          at += piece.byteLength;
          attempt = 1;
          yield piece;
        }
        if (at >= this.end) return;
        throw new BackendUnavailableError({ message: "the body ended before all of it had come" });
      } catch (error) {
        this.#current = await this.#reopen(error, attempt, at);
      }
    }
  }

  /** If the rest cannot be had, the body's own error is the one to tell. */
  async #reopen(error: unknown, attempt: number, at: number): Promise<OpenedObject> {
    await this.#current.close();
    if (at >= this.end || !(await this.#resumption.pause(error, attempt))) throw error;
    const rest = { range: { start: at, end: this.end - 1 }, ifMatch: this.stat.etag };
    return this.#resumption.reopen(rest).catch(() => Promise.reject(error));
  }
}
