import { expect, test } from "vitest";
import { SpareControllers } from "../../src/kernel/spare-controllers.js";

test("a controller that was given back serves the next call", () => {
  const spare = new SpareControllers();
  const first = spare.take();
  expect(spare.take()).not.toBe(first);
  spare.giveBack(first);
  expect(spare.take()).toBe(first);
});

test("a controller that has fired is not used again", () => {
  const spare = new SpareControllers();
  const fired = spare.take();
  fired.abort();
  spare.giveBack(fired);
  expect(spare.take().signal.aborted).toBe(false);
});

test("a controller whose signal something listens to is not used again", () => {
  const spare = new SpareControllers();
  const heard = spare.take();
  heard.signal.addEventListener("abort", () => undefined);
  spare.giveBack(heard);
  expect(spare.take()).not.toBe(heard);
});
