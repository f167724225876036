import { expect, it, onTestFinished } from "vitest";
import { freshStorage } from "./fresh-store.js";

/** Turns of the event loop until the returned function is called, which tells their number. */
function countTurns(): () => number {
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  onTestFinished(() => clearInterval(timer));
  return () => turns;
}

it.each(["a chain of calls", "many calls at once"])("%s leaves the event loop its turns", async (how) => {
  const { storage } = await freshStorage();
  await storage.put("a", "content");
  const turns = countTurns();
  const startMs = performance.now();
  const read = () => storage.get("a");
  if (how === "a chain of calls") for (let call = 0; call < 3000; call++) await read();
  else await Promise.all(Array.from({ length: 3000 }, read));
  const tookMs = performance.now() - startMs;
  expect(tookMs).toBeGreaterThan(20);
  expect(turns()).toBeGreaterThan(1);
});
