import { unlessAborted } from "../../abortable.js";

/** Lets one task per key run at a time, in the order they came. */
export class KeyQueue {
  readonly #tails = new Map<string, Promise<void>>();

  /** A task whose signal fires before its turn does not run. */
  async run<T>(key: string, task: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const before = this.#tails.get(key);
    let leave: () => void = () => undefined;
    const stay = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const tail = before === undefined ? stay : before.then(() => stay);
    this.#tails.set(key, tail);
    try {
      if (before !== undefined) await unlessAborted(() => before, signal);
      return await task();
    } finally {
      leave();
      void tail.then(() => this.#forget(key, tail));
    }
  }

  #forget(key: string, tail: Promise<void>): void {
    if (this.#tails.get(key) === tail) this.#tails.delete(key);
  }
}
