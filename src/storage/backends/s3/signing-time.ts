/** A moment as signatures spell it. */
export interface SigningTime {
  /** `20240131T235959Z`. */
  readonly long: string;
  /** `20240131`. */
  readonly day: string;
}

/** Spells moments; those of one second are spelled once. */
export class SigningClock {
  readonly #now: () => number;
  #second = Number.NaN;
  #time: SigningTime = { long: "", day: "" };

  /** @param now - milliseconds since the epoch. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return this.#now();
  }

  read(): SigningTime {
    const second = Math.floor(this.#now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#time = signingTime(second * 1000);
    }
    return this.#time;
  }
}

/** @param time - milliseconds since the epoch. */
export function signingTime(time: number): SigningTime {
  const long = `${new Date(time).toISOString().slice(0, 19).replace(/[-:]/g, "")}Z`;
  return { long, day: long.slice(0, 8) };
}
