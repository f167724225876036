import { waitForTurn } from "../disk/turn.js";

/** Names that are sorted at once, which takes some milliseconds. */
const runLength = 8192;
/** Names that are merged between two looks at the clock. */
const namesPerLook = 2048;

/** Sorts many names, each of which may come twice, and lets the event loop go round meanwhile: a million at once would hold it up for a second. */
export class SortedNames {
  #run: string[] = [];
  /** Sorted runs; each is at least twice as long as the next. */
  readonly #runs: string[][] = [];

  /** Adds a name; what it returns must be waited for before the next one. */
  add(name: string): Promise<void> | undefined {
    return this.#run.push(name) === runLength ? this.#endRun() : undefined;
  }

  /** All names in the order of their bytes, which are ASCII. */
  async all(): Promise<readonly string[]> {
    await this.#endRun();
    while (this.#runs.length > 1) await this.#mergeLast();
    return this.#runs[0] ?? [];
  }

  async #endRun(): Promise<void> {
    this.#runs.push([...new Set(this.#run)].sort());
    this.#run = [];
    while ((this.#runs.at(-2)?.length ?? Number.POSITIVE_INFINITY) < 2 * (this.#runs.at(-1)?.length ?? 0))
      await this.#mergeLast();
  }

  async #mergeLast(): Promise<void> {
    const [one = [], other = []] = this.#runs.splice(-2);
    this.#runs.push(await merge(one, other));
  }
}

async function merge(one: readonly string[], other: readonly string[]): Promise<string[]> {
  const merged: string[] = [];
  let lookAt = namesPerLook;
  let next = 0;
  for (const name of one) {
    for (let before = other[next]; before !== undefined && before <= name; before = other[next]) {
      if (before < name) merged.push(before);
      next++;
    }
    merged.push(name);
    if (merged.length < lookAt) continue;
    lookAt = merged.length + namesPerLook;
    await waitForTurn();
  }
  return merged.concat(other.slice(next));
}
