import fc from "fast-check";
import { expect, it } from "vitest";
import { SortedNames } from "#dist/storage/backends/memory/sorted-names.js";

/** What the names are, without any order. */
class Model {
  readonly names = new Set<string>();
  readonly sorted: SortedNames<string> = new SortedNames(() => this.names);

  add(name: string): void {
    if (!this.names.has(name)) this.sorted.add(name);
    this.names.add(name);
  }

  remove(name: string): void {
    if (this.names.delete(name)) this.sorted.remove(name);
  }

  look(start: string): void {
    const expected = [...this.names].filter((name) => name >= start).sort();
    expect([...this.sorted.from(start)]).toEqual(expected);
  }
}

const step = fc.tuple(
  fc.constantFrom("add", "remove", "add", "remove", "look"),
  fc.string({ unit: fc.constantFrom("a", "b", "-", "/"), minLength: 1, maxLength: 4 }),
);

it("names are those that were added and not removed, in order, whenever one looks", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const model = new Model();
      for (const [what, name] of steps) model[what](name);
      model.look("");
    }),
  );
});
