import { expect, it } from "vitest";
import { MemoryCounter } from "#dist/storage/fastify/counters.js";

it("a counter in memory keeps no more subjects than fit, however many addresses a client has", () => {
  const counter = new MemoryCounter(60_000);
  for (let subject = 0; subject < 100_000; subject++) counter.add(String(subject), 1);
  expect(counter.add("0", 1).amount).toBe(2);
  counter.add("one more", 1);
  counter.add("and another", 1);
  expect([counter.add("0", 1).amount, counter.add("99999", 1).amount]).toEqual([1, 2]);
});
