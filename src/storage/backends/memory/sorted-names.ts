/** Changes up to this many are put in one by one, which moves memory but compares little. */
const fewChanges = 16;

/**
 * Names in the order of their bytes, sorted when first asked for and kept up to date from then on: additions
 * are merged in before a look-up, removals are skipped and swept out once they are many.
 *
 * Names are ASCII, so the order of UTF-16 units is the order of bytes.
 */
export class SortedNames<Name extends string> {
  readonly #source: () => Iterable<Name>;
  readonly #added = new Set<Name>();
  readonly #removed = new Set<Name>();
  #sorted: Name[] | undefined;

  /** @param source - all names, for the first sorting. */
  constructor(source: () => Iterable<Name>) {
    this.#source = source;
  }

  /** Notes a name that was not there. */
  add(name: Name): void {
    if (this.#sorted === undefined || this.#removed.delete(name)) return;
    this.#added.add(name);
  }

  /** Notes that a name that was there is gone. */
  remove(name: Name): void {
    if (this.#sorted === undefined || this.#added.delete(name)) return;
    this.#removed.add(name);
  }

  /** The names at and behind `start`; those removed meanwhile are not among them. */
  *from(start: string): Generator<Name, void, string | undefined> {
    const sorted = this.#upToDate();
    let index = lowerBound(sorted, start);
    for (let name = sorted[index]; name !== undefined; name = sorted[index]) {
      const skipTo = this.#removed.has(name) ? undefined : yield name;
      index = skipTo === undefined ? index + 1 : lowerBound(sorted, skipTo);
    }
  }

  #upToDate(): Name[] {
    this.#sorted ??= [...this.#source()].sort();
    if (this.#added.size > fewChanges || this.#removed.size * 4 > this.#sorted.length) this.#rebuild();
    for (const name of this.#added) this.#sorted.splice(lowerBound(this.#sorted, name), 0, name);
    this.#added.clear();
    return this.#sorted;
  }

  /** Two sorted runs behind each other: the engine's merge sort joins them in one pass. */
  #rebuild(): void {
    const kept = this.#sorted?.filter((name) => !this.#removed.has(name)) ?? [];
    this.#sorted = kept.concat([...this.#added].sort()).sort();
    this.#added.clear();
    this.#removed.clear();
  }
}

function lowerBound(sorted: readonly string[], name: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? "") < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
