import {
  chaos,
  type Failure,
  type Key,
  type Layer,
  parseKey,
  RetryBudget,
  retry,
  Storage,
  type StorageBackend,
} from "svc-infra/storage";
import { oddPieces, sampleBytes } from "svc-infra/storage/conformance";
import { MemoryBackend } from "svc-infra/storage/memory";
import { describe, expect, it } from "vitest";
import { refused, ScriptedBackend, unavailable } from "./scripted-backend.js";

const quick = { baseDelayMs: 1, maxDelayMs: 2 };
const write = { contentType: "text/plain" };
const anySource = { sourceIfMatch: undefined, signal: undefined };

function retried(backend: StorageBackend, layer: Layer = retry(quick)): Storage {
  return new Storage(backend).with(layer);
}

describe("retry repeats", () => {
  it.each(["unavailable", "timeout", "rate_limited"] as const)("%s, until it passes", async (code) => {
    const backend = new ScriptedBackend();
    const storage = retried(backend);
    await storage.put("a", "content", write);
    backend.plan({ before: { code } }, { before: { code } });
    expect(await storage.exists("a")).toBe(true);
    expect(backend.verbs.filter((verb) => verb === "stat")).toHaveLength(3);
  });

  it.each(["not_found", "permission_denied", "corrupt", "unknown", "aborted"] as const)(
    "%s not at all",
    async (code) => {
      const backend = new ScriptedBackend({ before: { code } });
      await expect(retried(backend).getMetadata("a")).rejects.toMatchObject({ code });
      expect(backend.verbs).toEqual(["stat"]);
    },
  );

  it("as often as it was told, and then fails with the last error", async () => {
    const backend = new ScriptedBackend(...Array(9).fill({ before: unavailable }));
    const storage = retried(backend, retry({ ...quick, attempts: 3 }));
    await expect(storage.getMetadata("a")).rejects.toMatchObject({ code: "unavailable" });
    expect(backend.verbs).toHaveLength(3);
  });

  it("nothing any more when the budget is used up, for all storages that share it", async () => {
    const budget = new RetryBudget(2);
    const failing = () => new ScriptedBackend(...Array(9).fill({ before: unavailable }));
    const backends = [failing(), failing()];
    for (const backend of backends) {
      await expect(retried(backend, retry({ ...quick, budget })).check()).rejects.toThrow();
    }
    expect(backends.map(({ verbs }) => verbs.length)).toEqual([3, 1]);
  });

  it("an unconditional write of bytes, even when the first may have been done", async () => {
    const backend = new ScriptedBackend({ after: unavailable });
    const stat = await retried(backend).backend.write(...writing("a", "content", {}));
    expect(stat.size).toBe(7);
    expect(backend.verbs).toEqual(["write", "write"]);
  });

  it("a conditional write only when it is certain that nothing was done", async () => {
    const doubtful = new ScriptedBackend({ after: unavailable });
    await expect(retried(doubtful).backend.write(...writing("a", "x", { ifAbsent: true }))).rejects.toThrow();
    expect(doubtful.verbs).toEqual(["write"]);
    const certain = new ScriptedBackend({ before: refused });
    await retried(certain).backend.write(...writing("a", "x", { ifAbsent: true }));
    expect(certain.verbs).toEqual(["write", "write"]);
  });

  it("a conditional copy only when it is certain that nothing was done, and an unconditional one always", async () => {
    const backend = new ScriptedBackend();
    const storage = retried(backend);
    await storage.put("a", "content", write);
    const copy = (ifAbsent: boolean) =>
      storage.backend.copy(key("a"), key("b"), { ...anySource, ifAbsent, ifMatch: undefined });
    backend.plan({ after: unavailable });
    await expect(copy(true)).rejects.toThrow();
    backend.plan({ after: unavailable });
    await copy(false);
    await storage.delete("b");
    backend.plan({ before: refused });
    await copy(true);
  });

  it("and does not say that nothing was done when only the last attempt is sure of it", async () => {
    const busy: Failure = { code: "rate_limited", applied: false, retryAfterMs: 1 };
    const refusals = Array(3).fill({ before: busy });
    for (const [first, applied] of [
      [{ after: unavailable }, undefined],
      [{ before: busy }, false],
    ] as const) {
      const { backend } = retried(new ScriptedBackend(first, ...refusals));
      const error = await backend.write(...writing("a", "x", {})).catch((reason: unknown) => reason);
      const failure = backend.classify(error);
      expect([failure.code, failure.applied]).toEqual(["rate_limited", applied]);
    }
  });

  it("a stream only as long as nothing of it was read", async () => {
    const backend = new ScriptedBackend("pass", { before: unavailable });
    await retried(backend).put("a", oddPieces(Buffer.from("content")), write);
    expect(backend.verbs).toEqual(["sign", "write", "write"]);
    const read = new ScriptedBackend("pass", { after: refused });
    await expect(retried(read).put("a", oddPieces(Buffer.from("content")), write)).rejects.toThrow();
    expect(read.verbs).toEqual(["sign", "write"]);
  });

  it("neither the beginning nor the completion of an upload in doubt", async () => {
    const backend = new ScriptedBackend({ after: unavailable });
    const storage = retried(backend);
    await expect(storage.createUpload("a", write)).rejects.toThrow();
    const upload = await storage.createUpload("a", write);
    await upload.writePart(1, "content");
    backend.plan("pass", { after: unavailable });
    await expect(upload.complete()).rejects.toMatchObject({ code: "unavailable" });
    // The lease of the upload is written between them, and read before the completion.
    const begun = ["createUpload", "createUpload", "write", "writePart"];
    expect(backend.verbs).toEqual([...begun, "read", "completeUpload"]);
  });

  it("of many removals only those that failed and may pass", async () => {
    const asked: string[][] = [];
    class Partly extends ScriptedBackend {
      override async removeMany(keys: Parameters<StorageBackend["removeMany"]>[0]) {
        asked.push([...keys]);
        const failing = asked.length === 1 ? keys.slice(1) : [];
        return failing.map((each, index) => ({
          key: each,
          error: new Error(index === 0 ? "for good" : "passing"),
        }));
      }
      override classify(error: unknown): Failure {
        return {
          code: error instanceof Error && error.message === "passing" ? "unavailable" : "permission_denied",
        };
      }
    }
    const failures = await retried(new Partly()).deleteMany(["a", "b", "c", "d"]);
    expect(asked).toEqual([
      ["a", "b", "c", "d"],
      ["c", "d"],
    ]);
    expect(failures.map((each) => [each.key, each.error.code])).toEqual([["b", "permission_denied"]]);
  });
});

describe("between two attempts", () => {
  it("a pause ends at once when the signal fires", async () => {
    const backend = new ScriptedBackend(...Array(9).fill({ before: unavailable }));
    const storage = retried(backend, retry({ baseDelayMs: 1e9, maxDelayMs: 1e9, random: () => 1 }));
    await expect(storage.exists("a", { signal: AbortSignal.timeout(20) })).rejects.toMatchObject({
      code: "timeout",
    });
    expect(backend.verbs).toHaveLength(1);
  });

  it("it waits at least as long as the service asked for", async () => {
    const backend = new ScriptedBackend({ before: { code: "rate_limited", retryAfterMs: 60 } });
    const before = performance.now();
    await retried(backend, retry({ ...quick, random: () => 0 })).exists("a");
    expect(performance.now() - before).toBeGreaterThan(55);
  });

  it("a service that asks for longer than allowed is not waited for, and the error tells how long", async () => {
    const backend = new ScriptedBackend({ before: { code: "rate_limited", retryAfterMs: 31_000 } });
    await expect(retried(backend).getMetadata("a")).rejects.toMatchObject({ retryAfterMs: 31_000 });
    expect(backend.verbs).toHaveLength(1);
  });
});

describe("a body that breaks", () => {
  const bytes = sampleBytes(3_000_000);

  it("is resumed where it broke", async () => {
    const storage = retried(new MemoryBackend());
    await storage.put("a", bytes);
    const broken = storage.with(retry(quick), chaos({ every: 2, kinds: ["body"], verbs: ["read"] }));
    for (let turn = 0; turn < 4; turn++) expect(Buffer.compare(await broken.get("a"), bytes)).toBe(0);
    const range = { start: 1000, end: 2_000_000 };
    for (let turn = 0; turn < 4; turn++) {
      const part = await (await broken.open("a", { range })).body.bytes();
      expect(Buffer.compare(part, bytes.subarray(1000, 2_000_001))).toBe(0);
    }
  });

  it("is never resumed in another version", async () => {
    const storage = new Storage(new MemoryBackend());
    await storage.put("a", bytes);
    const broken = storage.with(retry(quick), chaos({ every: 2, kinds: ["body"], verbs: ["read"] }));
    await broken.get("a");
    const { body } = await broken.open("a");
    await storage.put("a", sampleBytes(3_000_000, 2));
    await expect(body.bytes()).rejects.toMatchObject({ code: "unavailable" });
  });

  it("gives up when it breaks again and again without a byte", async () => {
    const storage = new Storage(new MemoryBackend());
    await storage.put("a", "x");
    const broken = storage.with(
      retry({ ...quick, attempts: 3 }),
      chaos({ every: 1, kinds: ["body"], verbs: ["read"] }),
    );
    await expect(broken.get("a")).rejects.toMatchObject({ code: "unavailable" });
  });
});

function writing(
  name: string,
  text: string,
  conditions: { ifAbsent?: boolean },
): Parameters<StorageBackend["write"]> {
  const bytes = Buffer.from(text);
  const body = {
    bytes,
    size: bytes.length,
    replayable: true,
    checksum: () => "crc32:00000000" as const,
    async *open() {
      yield bytes;
    },
  };
  const { ifAbsent = false } = conditions;
  const description = { contentType: "text/plain", filename: undefined, metadata: {} };
  return [key(name), body, { ...description, ifAbsent, ifMatch: undefined, signal: undefined }];
}

function key(name: string): Key {
  return parseKey(name);
}
