import { channel } from "node:diagnostics_channel";
import Fastify from "fastify";
import { addStorage } from "svc-infra";
import { BackendUnavailableError, Storage } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import type { PolicyOptions, Scanner, SkippedScan, Verdict } from "svc-infra/storage/policy";
import { describe, expect, it } from "vitest";

type Scan = NonNullable<PolicyOptions["scan"]>;

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

  it("are told as scans only when there was one", async () => {
    const told: unknown[] = [];
    const listen = (facts: unknown) => told.push(facts);
    channel("svc-infra:storage:scan").subscribe(listen);
    const storage = new Storage(new MemoryBackend(), { policy: { scan: counting({ isClean: true }) } });
    for (const key of ["a", "b"]) await storage.put(key, "the same");
    channel("svc-infra:storage:scan").unsubscribe(listen);
    expect(told).toHaveLength(1);
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

describe("a scanner that several policies name", () => {
  const put = (scan: Scan, further: Scan) => {
    return new Storage(new MemoryBackend(), { policy: { scan } }).put("k", "x", {
      policy: { scan: further },
    });
  };

  it("looks at the content once", async () => {
    const [scanner, lenient] = [counting({ isClean: true }), counting({ isClean: true })];
    await put(scanner, scanner);
    await put({ scanner: lenient, whenUnavailable: "accept" }, lenient);
    expect([scanner.scans, lenient.scans]).toEqual([1, 1]);
    const [one, other] = [counting({ isClean: true }), counting({ isClean: true })];
    await put(one, other);
    expect([one.scans, other.scans]).toEqual([1, 1]);
  });

  it("leaves nothing unseen where one of them says so", async () => {
    const scanner = counting("away");
    const lenient = { scanner, whenUnavailable: "accept", onSkip: () => undefined } as const;
    await expect(put(lenient, scanner)).rejects.toMatchObject({ code: "unavailable" });
    await expect(put(scanner, lenient)).rejects.toMatchObject({ code: "unavailable" });
  });

  it("tells what it skips where one of them says who is told", async () => {
    const skipped: string[] = [];
    const lenient = { scanner: counting("away"), whenUnavailable: "accept" } as const;
    const telling = { ...lenient, onSkip: ({ key }: SkippedScan) => skipped.push(key) };
    await put(lenient, telling);
    await put(telling, lenient);
    expect(skipped).toEqual(["k", "k"]);
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
