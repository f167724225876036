/** A moment as signatures spell it. */
export interface SigningTime {
  /** `20240131T235959Z`. */
  readonly long: string;
  /** `20240131`. */
  readonly day: string;
  /** Whole seconds since the epoch. */
  readonly seconds: number;
}

/** Spells moments; those of one second are spelled once. */
export class SigningClock {
  readonly #now: () => number;
  #time: SigningTime = { long: "", day: "", seconds: Number.NaN };

  /** @param now - milliseconds since the epoch. */
  constructor(now: () => number) {
    this.#now = now;
  }

  read(): SigningTime {
    const seconds = Math.floor(this.#now() / 1000);
    if (seconds !== this.#time.seconds) this.#time = signingTime(seconds * 1000);
    return this.#time;
  }
}

/** @param time - milliseconds since the epoch. */
export function signingTime(time: number): SigningTime {
  const long = `${new Date(time).toISOString().slice(0, 19).replace(/[-:]/g, "")}Z`;
  return { long, day: long.slice(0, 8), seconds: Math.floor(time / 1000) };
}
