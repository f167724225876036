/** Ends a running job from outside. Its signal is made when it is asked for: most handlers use none, and it costs much. */
export class Cancellation {
  #controller: AbortController | undefined;
  #reason: Error | undefined;
  #reject: (reason: Error) => void = () => undefined;

  /** Why the job was ended; `undefined` while it may go on. */
  get reason(): Error | undefined {
    return this.#reason;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  cancel(reason: Error): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
    this.#reject(reason);
  }

  /** Waits for the work, and rejects with the reason when the job is ended before; the work may go on then. */
  until(work: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      if (this.#reason !== undefined) reject(this.#reason);
      work.then(resolve, reject);
    });
  }
}
