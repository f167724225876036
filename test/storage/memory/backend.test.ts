import { parseKey, Storage, UrlSigner } from "svc-infra/storage";
import { oddPieces, sampleBytes } from "svc-infra/storage/conformance";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

const type = { contentType: "text/plain" };

describe("the quota of memory", () => {
  /** Room for so many kilobytes of content and a few entries. */
  const of = (kilobytes: number) => new Storage(new MemoryBackend({ maxBytes: kilobytes * 1000 + 5000 }));
  const content = (kilobytes: number) => sampleBytes(kilobytes * 1000);
  const full = { code: "quota_exceeded", statusCode: 507 };

  it("is 100,000,000 bytes unless said otherwise", async () => {
    const storage = new Storage(new MemoryBackend());
    await storage.put("a", Buffer.alloc(99_999_000), type);
    await expect(storage.put("b", "x")).rejects.toMatchObject(full);
  });

  it("refuses bytes and streams that do not fit, and leaves the old object", async () => {
    const storage = of(1000);
    await storage.put("a", content(600));
    await expect(storage.put("b", content(410))).rejects.toMatchObject(full);
    await expect(storage.put("b", oddPieces(content(410)))).rejects.toMatchObject(full);
    await expect(storage.put("a", content(1010))).rejects.toMatchObject(full);
    await expect(storage.copy("a", "b")).rejects.toMatchObject(full);
    expect(await storage.listKeys()).toEqual(["a"]);
    await storage.put("b", content(400));
  });

  it("counts keys, metadata and the entry itself, of objects without content too", async () => {
    const storage = of(1);
    const metadata = { note: "n".repeat(1500) };
    await storage.put("plain-1", "");
    await storage.put("described", "", { metadata });
    await expect(storage.put("more", "", { metadata })).rejects.toMatchObject(full);
    await expect(storage.createUpload("more", { metadata })).rejects.toMatchObject(full);
    await expect(storage.put("k".repeat(1000), "", { metadata })).rejects.toMatchObject(full);
    await storage.delete("described");
    await storage.put("more", "", { metadata });
  });

  it("counts the difference when bytes replace an object", async () => {
    const storage = of(1000);
    await storage.put("a", content(900));
    await storage.put("a", content(1000));
    await storage.put("a", content(10));
    await storage.put("b", content(990));
  });

  it("gets everything back from what was deleted, replaced, refused, failed or aborted", async () => {
    const storage = of(1000);
    for (let turn = 0; turn < 50; turn++) {
      await storage.put("a", content(500));
      await storage.put("a", oddPieces(content(500)));
      await storage.put("a", content(300), { ifAbsent: true }).catch(() => undefined);
      await storage.put("c", failing(400_000)).catch(() => undefined);
      await storage.put("c", hanging(400_000), { signal: AbortSignal.timeout(1) }).catch(() => undefined);
      await storage.put("c", oddPieces(content(900))).catch(() => undefined);
      await storage.copy("a", "b");
      await storage.deleteMany(["a", "b", "missing"]);
    }
    await storage.put("all", content(1000));
  });

  it("holds the parts of uploads, and gets them back from what was aborted, replaced or left out", async () => {
    const storage = of(1000);
    for (let turn = 0; turn < 5; turn++) {
      const upload = await storage.createUpload("a");
      await upload.writePart(1, content(400));
      await upload.writePart(1, content(500));
      const kept = await upload.writePart(2, content(100));
      await upload.writePart(3, failing(100_000)).catch(() => undefined);
      await expect(storage.put("b", content(410))).rejects.toMatchObject(full);
      if (turn % 2 === 0) await upload.abort();
      else await upload.complete({ parts: [kept] });
      await storage.deletePrefix("none");
      await storage.delete("a");
    }
    await storage.put("all", content(1000));
  });
});

describe("time to live", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("ends each object by itself, without anyone looking, and gives its bytes back", async () => {
    const backend = new MemoryBackend({ ttlMs: 1000, maxBytes: 103_000 });
    const storage = new Storage(backend);
    await storage.put("a", sampleBytes(50_000));
    vi.advanceTimersByTime(600);
    await storage.put("b", sampleBytes(50_000));
    vi.advanceTimersByTime(399);
    expect(await storage.listKeys()).toEqual(["a", "b"]);
    vi.advanceTimersByTime(1);
    expect(vi.getTimerCount()).toBe(1);
    expect(await storage.listKeys()).toEqual(["b"]);
    vi.advanceTimersByTime(600);
    expect(vi.getTimerCount()).toBe(0);
    await storage.put("c", sampleBytes(100_000));
  });

  it("begins anew with each write", async () => {
    const storage = new Storage(new MemoryBackend({ ttlMs: 1000 }));
    await storage.put("a", "first");
    vi.advanceTimersByTime(900);
    await storage.put("a", "second");
    vi.advanceTimersByTime(900);
    expect(await storage.exists("a")).toBe(true);
    vi.advanceTimersByTime(100);
    expect(await storage.exists("a")).toBe(false);
  });

  it("holds when the timer is late", async () => {
    let time = 0;
    const storage = new Storage(new MemoryBackend({ ttlMs: 1000, now: () => time }));
    await storage.put("a", "content");
    time = 1000;
    await expect(storage.get("a")).rejects.toMatchObject({ code: "not_found" });
    expect(await storage.delete("a")).toBe(false);
  });

  it("ends uploads that were not completed, with their bytes", async () => {
    const storage = new Storage(new MemoryBackend({ ttlMs: 1000, maxBytes: 103_000 }));
    const upload = await storage.createUpload("a");
    await upload.writePart(1, sampleBytes(100_000));
    vi.advanceTimersByTime(1000);
    await expect(upload.complete()).rejects.toMatchObject({ code: "not_found" });
    await storage.put("b", sampleBytes(100_000));
  });

  it("leaves no timer behind when the storage is closed", async () => {
    const storage = new Storage(new MemoryBackend({ ttlMs: 1000 }));
    await storage.put("a", "content");
    await storage.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("memory", () => {
  it("is apart in each backend, and so are its random secrets", async () => {
    const baseUrl = "https://example.com/files";
    const [one, two] = [
      new Storage(new MemoryBackend({ baseUrl })),
      new Storage(new MemoryBackend({ baseUrl })),
    ];
    await one.put("a", "content");
    expect(await two.exists("a")).toBe(false);
    const { search } = new URL(await one.getUrl("a"));
    expect((await one.backend.signer())?.verify("get", parseKey("a"), search.slice(1))).toBeDefined();
    expect((await two.backend.signer())?.verify("get", parseKey("a"), search.slice(1))).toBeUndefined();
  });

  it("signs with the secret and the base it was given", async () => {
    const [baseUrl, secrets] = ["https://example.com/files", ["s".repeat(32)]];
    const url = await new Storage(new MemoryBackend({ baseUrl, secrets })).getUrl("a");
    expect(url).toMatch(/^https:\/\/example\.com\/files\/a\?/);
    const signer = new UrlSigner({ baseUrl, secrets });
    expect(signer.verify("get", parseKey("a"), new URL(url).search.slice(1))).toBeDefined();
  });

  it("shows no prefix in a cursor", async () => {
    const tenant = new Storage(new MemoryBackend()).forTenant("acme");
    await Promise.all(["a", "b"].map((name) => tenant.put(name, "content")));
    const { cursor = "" } = await tenant.list({ limit: 1 });
    expect(Buffer.from(cursor, "base64url").toString("latin1")).not.toContain("acme");
  });

  it("gives pages of a hundred thousand objects in order while objects come and go", async () => {
    const storage = new Storage(new MemoryBackend());
    const keys = Array.from(
      { length: 100_000 },
      (_, index) => `k/${String((index * 7919) % 100_000).padStart(5, "0")}`,
    );
    for (const key of keys) await storage.put(key, "", type);
    let cursor: string | undefined;
    const found: string[] = [];
    do {
      const page = await storage.list({ limit: 1000, cursor });
      found.push(...page.items.map(({ key }) => key));
      cursor = page.cursor;
      await storage.delete(page.items[0]?.key ?? "");
      await storage.put(`k/${found.length - 1}-new`, "", type);
    } while (cursor !== undefined);
    expect(found.filter((key) => !key.endsWith("new"))).toEqual(keys.sort());
  });
});

async function* failing(bytes: number): AsyncGenerator<Uint8Array> {
  yield sampleBytes(bytes);
  throw new Error("the source failed");
}

async function* hanging(bytes: number): AsyncGenerator<Uint8Array> {
  yield sampleBytes(bytes);
  await new Promise(() => undefined);
}
