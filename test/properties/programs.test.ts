import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { prefix, Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterAll, describe, it } from "vitest";
import { program, runProgram } from "./programs.js";

const folder = mkdtempSync(join(tmpdir(), "svc-infra-programs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let made = 0;
const backends = {
  memory: () => new MemoryBackend({ baseUrl: "http://127.0.0.1:1/files" }),
  local: () =>
    new LocalBackend({
      basePath: join(folder, String(made++)),
      durability: "fast",
      baseUrl: "http://127.0.0.1:1/files",
    }),
};
const runsOf = { memory: 300, local: 40 };

describe.each(["memory", "local"] as const)("on %s", (type) => {
  it("any program does what it does to a map", async () => {
    await fc.assert(
      fc.asyncProperty(program, async (steps) => {
        const storage = new Storage(backends[type]());
        await runProgram(storage, steps);
        await storage.close();
      }),
      { numRuns: runsOf[type] },
    );
  });

  it("any program under a prefix does the same, and touches nothing outside", async () => {
    await fc.assert(
      fc.asyncProperty(program, program, async (steps, others) => {
        const storage = new Storage(backends[type]());
        const neighbours = ["t/10/", "t/1-/", "t/"].map((start) => storage.with(prefix(`${start}x/`)));
        for (const neighbour of neighbours) await runProgram(neighbour, others.slice(0, 5));
        const before = await snapshot(storage);
        await runProgram(storage.with(prefix("t/1/")), steps);
        await storage.deletePrefix("t/1");
        if (JSON.stringify(await snapshot(storage)) !== JSON.stringify(before))
          throw new Error("a neighbour changed");
        await storage.close();
      }),
      { numRuns: runsOf[type] / 2 },
    );
  });
});

async function snapshot(storage: Storage): Promise<readonly unknown[]> {
  const seen: unknown[] = [];
  for await (const { key } of storage.listAll()) seen.push([key, (await storage.getMetadata(key)).etag]);
  return seen;
}
