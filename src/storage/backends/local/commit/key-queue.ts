type Waiter = () => void;

/** Admits one writer at a time to a key, in the order of their calls. */
export class KeyQueue {
  /** The keys that are held, each with the writers that wait for it; `undefined` when none waits. */
  readonly #keys = new Map<string, Waiter[] | undefined>();

  /**
   * Asks for a key: `undefined` when it is free, else a promise that resolves when the turn of the writer comes, and
   * rejects when the signal fires before. A writer that has the key must {@link leave} it.
   */
  enter(key: string, signal: AbortSignal | undefined): Promise<void> | undefined {
    if (this.#keys.has(key)) return this.#turn(key, signal);
    this.#keys.set(key, undefined);
    return undefined;
  }

  leave(key: string): void {
    const next = this.#keys.get(key)?.shift();
    if (next === undefined) this.#keys.delete(key);
    else next();
  }

  #turn(key: string, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const waiters = this.#keys.get(key) ?? [];
      this.#keys.set(key, waiters);
      const enter = () => {
        signal?.removeEventListener("abort", giveUp);
        resolve();
      };
      const giveUp = () => {
        waiters.splice(waiters.indexOf(enter), 1);
        reject(signal?.reason);
      };
      waiters.push(enter);
      signal?.addEventListener("abort", giveUp, { once: true });
    });
  }
}
