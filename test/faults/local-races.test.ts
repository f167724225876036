import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { freshFolder, freshStorage, outcomeOf, storageOn, textOf } from "../storage/local/fresh-store.js";

const racer = fileURLToPath(new URL("./local-racer.js", import.meta.url));
const run = promisify(execFile);

async function race(base: string, game: string): Promise<Record<string, string[]>[]> {
  const startMs = String(Date.now() + 1500);
  const racers = [1, 2].map(() => run(process.execPath, [racer, base, game, startMs]));
  return (await Promise.all(racers)).map(({ stdout }) => JSON.parse(stdout) as Record<string, string[]>);
}

describe("writers at the same instant", () => {
  it("of 100 that create one key in one process exactly one wins", async () => {
    const { storage } = await freshStorage();
    const writers = Array.from({ length: 100 }, (_, index) =>
      storage.put("k", `${index}`, { ifAbsent: true }),
    );
    const outcomes = await Promise.all(writers.map(outcomeOf));
    expect(outcomes.filter((outcome) => outcome === "done")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "precondition_failed")).toHaveLength(99);
    expect(await textOf(storage.get("k"))).toBe(String(outcomes.indexOf("done")));
  });

  it("of 100 that create one key in two processes exactly one wins", async () => {
    const base = await freshFolder();
    const [one = {}, other = {}] = await race(base, "create");
    const storage = storageOn(base);
    for (let index = 0; index < 20; index++) {
      const key = `key${index}`;
      const winners = [...(one[key] ?? []), ...(other[key] ?? [])];
      expect(winners).toHaveLength(1);
      expect(await textOf(storage.get(key))).toBe(winners[0]);
    }
  });

  it("that count by compare-and-swap in two processes lose no step", async () => {
    const base = await freshFolder();
    const storage = storageOn(base);
    await storage.put("counter", "0");
    await race(base, "count");
    expect(await textOf(storage.get("counter"))).toBe("200");
  });

  it("of one part of an upload never remove each other's, so that each can be completed", async () => {
    const { storage } = await freshStorage();
    const upload = await storage.createUpload("k");
    for (let round = 0; round < 30; round++) {
      const written = await Promise.all(["one", "two"].map((content) => upload.writePart(1, content)));
      const listed = await upload.listParts();
      expect(listed).toHaveLength(1);
      expect(written).toContainEqual(listed[0]);
    }
    await upload.complete({ parts: await upload.listParts() });
    expect(["one", "two"]).toContain(await textOf(storage.get("k")));
  });

  it("of parts and of the end of their upload are all told whether it is under way", async () => {
    const { base, storage } = await freshStorage();
    for (let round = 0; round < 30; round++) {
      const upload = await storage.createUpload("k");
      for (let number = 1; number <= 8; number++) await upload.writePart(number, "before");
      const parts = Array.from({ length: 8 }, (_, index) => outcomeOf(upload.writePart(9 + index, "part")));
      expect(await outcomeOf(upload.abort()), `round ${round}`).toBe("done");
      for (const outcome of await Promise.all(parts)) expect(["done", "not_found"]).toContain(outcome);
      expect(await outcomeOf(upload.listParts())).toBe("not_found");
    }
    for (const folder of ["multipart", "tmp"])
      expect(await readdir(join(base, ".svc-infra", folder))).toEqual([]);
  });
});
