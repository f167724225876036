/** Lets one task per key run at a time, in the order they came. */
export class KeyQueue {
  readonly #tails = new Map<string, Promise<unknown>>();

  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    const run = before === undefined ? task() : before.then(task, task);
    this.#tails.set(key, run);
    const clear = () => {
      if (this.#tails.get(key) === run) this.#tails.delete(key);
    };
    run.then(clear, clear);
    return run;
  }
}
