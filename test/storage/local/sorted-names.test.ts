import { expect, it } from "vitest";
import { SortedNames } from "#dist/storage/backends/local/read/sorted-names.js";

it.each([0, 1, 8191, 8192, 8193, 100_000])("%i names come in the order of their bytes", async (count) => {
  const names = Array.from({ length: count }, (_, index) => `k${(index * 7919) % count}${"-./"[index % 3]}`);
  const sorted = new SortedNames();
  for (const name of names) await sorted.add(name);
  // As a text: a difference of so many elements takes minutes to print.
  expect((await sorted.all()).join() === [...names].sort().join()).toBe(true);
});

it.each([10, 100_000])("%i names that a folder shows twice come once", async (count) => {
  const names = Array.from({ length: count }, (_, index) => `k${index % (count / 2)}`);
  const sorted = new SortedNames();
  for (const name of names) await sorted.add(name);
  expect((await sorted.all()).join() === [...new Set(names)].sort().join()).toBe(true);
});
