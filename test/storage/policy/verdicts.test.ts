import Fastify from "fastify";
import { addStorage } from "svc-infra";
import { BackendUnavailableError, Storage } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import type { Scanner, SkippedScan, Verdict } from "svc-infra/storage/policy";
import { describe, expect, it } from "vitest";

/** Counts how often it is asked, and has one answer. */
function counting(verdict: Verdict | "away"): Scanner & { scans: number } {
  const scanner = {
    name: "counting",
    maxBytes: 1e9,
    scans: 0,
    begin: async () => {
      scanner.scans += 1;
      if (verdict === "away") throw new BackendUnavailableError({ message: "away" });
      return { pass: async () => undefined, end: async () => verdict, cancel: () => undefined };
    },
    check: async () => undefined,
  };
  return scanner;
}

/** Two contents with the same CRC-32: the second ends in four bytes that make up for the difference. */
const [one, other] = [Buffer.from("plumless"), Buffer.from("buckeroo")];

describe("verdicts of a scanner", () => {
  it("are kept for contents that are in memory, by what the content is", async () => {
    const scanner = counting({ isClean: true });
    const storage = new Storage(new MemoryBackend(), { policy: { scan: scanner } });
    for (const key of ["a", "b", "c"]) await storage.put(key, "the same");
    expect(scanner.scans).toBe(1);
    await storage.put("d", "something else");
    expect(scanner.scans).toBe(2);
  });

  it("are of infected content too", async () => {
    const scanner = counting({ isClean: false, found: "Eicar" });
    const storage = new Storage(new MemoryBackend(), { policy: { scan: scanner } });
    for (const key of ["a", "b"]) {
      await expect(storage.put(key, "bad")).rejects.toMatchObject({ code: "infected" });
    }
    expect(scanner.scans).toBe(1);
  });

  it("are not told apart by a CRC-32, of which anyone can make another content", async () => {
    const scanner = counting({ isClean: true });
    const storage = new Storage(new MemoryBackend(), { policy: { scan: scanner } });
    const [first, second] = [await storage.put("a", one), await storage.put("b", other)];
    expect(first.checksum).toBe(second.checksum);
    expect(scanner.scans).toBe(2);
  });

  it("are those of a scanner around another one, whatever it calls that", async () => {
    const inner = counting({ isClean: true });
    const outer = { ...counting({ isClean: false, found: "Eicar" }), scanner: inner };
    const storage = new Storage(new MemoryBackend(), { policy: { scan: outer } });
    await expect(storage.put("a", "content")).rejects.toMatchObject({ code: "infected" });
    expect(inner.scans).toBe(0);
  });

  it("that were skipped by words of the policy are told", async () => {
    const skipped: SkippedScan[] = [];
    const scan = {
      scanner: counting("away"),
      whenUnavailable: "accept",
      onSkip: (facts: SkippedScan) => skipped.push(facts),
    } as const;
    const storage = new Storage(new MemoryBackend(), { policy: { scan } });
    await storage.put("a", "content");
    expect(skipped).toEqual([{ key: "a", scanner: "counting", reason: "away" }]);
  });

  it("that were skipped below a prefix are told to the log of the app", async () => {
    const lines: string[] = [];
    const app = Fastify({ logger: { stream: { write: (line: string) => lines.push(line) } } });
    const scan = { scanner: counting("away"), whenUnavailable: "accept" } as const;
    await addStorage(app, new MemoryBackend(), { policy: { under: { "a/": { scan } } } });
    await app.storage.put("a/b", "content");
    await app.close();
    expect(lines.filter((line) => line.includes("stored unscanned"))).toHaveLength(1);
  });
});

describe("an upload in parts that could not be scanned", () => {
  it("is completed by another process when the scanner is back, and answers that again", async () => {
    const backend = new MemoryBackend();
    const storageWith = (verdict: Verdict | "away") =>
      new Storage(backend, { policy: { scan: counting(verdict) } });
    const upload = await storageWith("away").createUpload("k", { contentType: "text/plain" });
    const parts = [await upload.writePart(1, "content")];
    await expect(upload.complete()).rejects.toMatchObject({ code: "unavailable" });
    const resumed = () => storageWith({ isClean: true }).resumeUpload("k", upload.id);
    const stored = await resumed().complete({ parts });
    expect(stored).toMatchObject({ key: "k", size: 7 });
    expect(await resumed().complete({ parts })).toEqual(stored);
  });

  it("is measured as what it has become, whatever its parts are said to be", async () => {
    const backend = new MemoryBackend();
    const upload = await new Storage(backend, { policy: { scan: counting("away") } }).createUpload("k");
    const part = await upload.writePart(1, "content");
    await expect(upload.complete()).rejects.toMatchObject({ code: "unavailable" });
    const policy = { maxBytes: 6, scan: counting({ isClean: true }) };
    const lying = new Storage(backend, { policy }).resumeUpload("k", upload.id);
    await expect(lying.complete({ parts: [{ ...part, size: 1 }] })).rejects.toMatchObject({
      code: "too_large",
    });
    expect(await new Storage(backend).listKeys()).toEqual([]);
  });
});
