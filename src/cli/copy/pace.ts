import type { Amount } from "../../storage/transfer/transfer-progress.js";

interface Sample extends Amount {
  readonly atMs: number;
}

/** How far back the speed of now is measured, in milliseconds. */
const windowMs = 15_000;

/** How fast a transfer goes, from what it had done at some moments. */
export class Pace {
  readonly #samples: Sample[] = [];

  /** Notes what is done at `atMs`, on a clock that only goes forward. */
  add(done: Amount, atMs: number): void {
    this.#samples.push({ ...done, atMs });
    while (this.#samples.length > 2 && atMs - (this.#samples[1]?.atMs ?? 0) > windowMs) this.#samples.shift();
  }

  /** Bytes a second, of late. */
  get bytesPerSecond(): number {
    return this.#perSecond(({ bytes }) => bytes);
  }

  /**
   * Milliseconds until all is done at this speed; `undefined` when that is not known. Many small objects take their
   * time by their number, few large ones by their bytes: the longer one counts.
   */
  remainingMs(total: Amount): number | undefined {
    const last = this.#samples.at(-1);
    if (last === undefined) return undefined;
    const times = [
      timeFor(
        total.objects - last.objects,
        this.#perSecond(({ objects }) => objects),
      ),
      timeFor(total.bytes - last.bytes, this.bytesPerSecond),
    ];
    // While the first large objects are copied none is done, and only their bytes show progress.
    const known = times.filter((time) => Number.isFinite(time));
    const longest = Math.max(0, ...known);
    return longest === 0 && known.length < times.length ? undefined : longest;
  }

  #perSecond(of: (sample: Sample) => number): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.atMs === first.atMs) return 0;
    return Math.max(0, ((of(last) - of(first)) * 1000) / (last.atMs - first.atMs));
  }
}

function timeFor(rest: number, perSecond: number): number {
  return rest <= 0 ? 0 : (rest * 1000) / perSecond;
}
