import { afterEach, expect, it } from "vitest";
import { makeBackend, startService } from "../acceptance/service.js";
import { getOf, pipeline } from "../http/pipeline.js";
import { watchBodies } from "./open-bodies.js";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

it("downloads that wait for their turn leave no file open when their client leaves", async () => {
  const { backend, remove } = await makeBackend("local");
  const service = await startService({ backend });
  closers.push(remove, () => service.close());
  await service.storage.put("large.bin", Buffer.alloc(4_000_000));
  const { counts, stop } = watchBodies();
  closers.push(stop);
  const paths = Array.from({ length: 40 }, () => getOf("/_storage/download/large.bin"));
  const client = pipeline(service.port, paths);
  closers.push(() => client.destroy());
  // The first one is being sent; the others wait.
  await expect.poll(() => counts.open).toBeGreaterThan(10);
  client.destroy();
  await expect.poll(() => counts.open, { timeout: 5000 }).toBe(0);
  expect(counts.opened).toBeGreaterThan(10);
});
