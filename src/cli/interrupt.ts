/** Exit codes of a command that a signal ended: 128 and its number. */
const codes = { SIGINT: 130, SIGTERM: 143 } as const;

/** Tells a command to stop at the first Ctrl-C; a second one ends the process as usual. */
export class Interrupt {
  readonly #abort = new AbortController();
  readonly #onSignal = (signal: NodeJS.Signals) => {
    this.release();
    process.exitCode = signal === "SIGTERM" ? codes.SIGTERM : codes.SIGINT;
    this.#abort.abort();
  };

  constructor() {
    for (const signal of Object.keys(codes)) process.on(signal, this.#onSignal);
  }

  /** Fires when the command shall stop; the exit code is then set. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Leaves signals alone from now on. */
  release(): void {
    for (const signal of Object.keys(codes)) process.off(signal, this.#onSignal);
  }
}
