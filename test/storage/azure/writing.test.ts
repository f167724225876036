import { randomBytes } from "node:crypto";
import { getEventListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { checksumOf, parseKey, retry, timeout } from "svc-infra/storage";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AzuriteRig, startAzurite } from "../../rigs/azurite.js";
import type { Fault } from "../../rigs/fault-plan.js";
import { freshWire, inPieces } from "./fresh-wire.js";

const blockBytes = 65_536;

let rig: AzuriteRig;
beforeAll(async () => {
  rig = await startAzurite();
});
afterAll(() => rig?.stop());

describe("a small object", () => {
  it.each(["buffered", "streamed", "empty"])("that is %s is one request", async (kind) => {
    const { storage, visits } = await freshWire(rig);
    const content = { buffered: "content", streamed: inPieces(randomBytes(200_000)), empty: "" }[kind] ?? "";
    await storage.put(`small/${kind}`, content);
    expect(visits()).toEqual(["PUT"]);
  });

  it.each([0, 100, 200_000])(
    "that is streamed, of %i bytes, leaves nobody listening to its signal",
    async (bytes) => {
      const { storage } = await freshWire(rig);
      const { signal } = new AbortController();
      await storage.put("small/signal", inPieces(randomBytes(bytes)), { signal });
      expect(getEventListeners(signal, "abort")).toEqual([]);
    },
  );

  it("is read, told of and deleted by one request each", async () => {
    const { storage, visits } = await freshWire(rig);
    await storage.put("small/one", "content");
    visits();
    await storage.get("small/one");
    expect(visits()).toEqual(["GET"]);
    await storage.getMetadata("small/one");
    expect(visits()).toEqual(["HEAD"]);
    await storage.delete("small/one");
    expect(visits()).toEqual(["DELETE"]);
  });

  it("of a thousand is deleted in batches of 256", async () => {
    const { storage, visits } = await freshWire(rig);
    await storage.deleteMany(Array.from({ length: 1000 }, (_, index) => `none/${index}`));
    expect(visits()).toEqual(["POST comp=batch", "POST comp=batch", "POST comp=batch", "POST comp=batch"]);
  });
});

describe("a large object", () => {
  it("goes in blocks of the size that was asked for, and is published by one request", async () => {
    const { storage, visits } = await freshWire(rig, { blockBytes });
    const bytes = randomBytes(5 * blockBytes + 1);
    const stored = await storage.put("large/a", inPieces(bytes));
    expect(visits()).toEqual([...Array(6).fill("PUT comp=block"), "PUT comp=blocklist"]);
    expect(stored.checksum).toBe(checksumOf(bytes));
    expect(Buffer.from(await storage.get("large/a")).equals(bytes)).toBe(true);
  });

  it("sends no more blocks at once than were asked for, and reads no further than one more", async () => {
    const { storage, proxy } = await freshWire(rig, { blockBytes, blocksAtOnce: 2 });
    proxy.plan.mix(1, () => ({ kind: "hang" }));
    const controller = new AbortController();
    let readBytes = 0;
    const counted = async function* () {
      for await (const piece of inPieces(randomBytes(20 * blockBytes))) {
        readBytes += piece.length;
        yield piece;
      }
    };
    const write = storage.put("large/b", counted(), { signal: controller.signal });
    // Three blocks, and the two pieces that show that there is a fourth.
    await expect.poll(() => readBytes).toBeGreaterThan(3 * blockBytes);
    await expect.poll(() => proxy.busy.length).toBe(2);
    await sleep(100);
    expect(proxy.visits).toHaveLength(2);
    expect(readBytes).toBeLessThanOrEqual(3 * blockBytes + 100_000);
    controller.abort();
    await expect(write).rejects.toMatchObject({ code: "aborted" });
  });

  it("of which one block fails is not stored, and the other blocks are stopped", async () => {
    const { storage, proxy } = await freshWire(rig, { blockBytes });
    proxy.plan.next({ kind: "delay", ms: 0 }, { kind: "hang" });
    proxy.plan.mix(1, () => ({ kind: "refuse" }));
    const failure = storage.put("large/c", inPieces(randomBytes(10 * blockBytes)));
    await expect(failure).rejects.toMatchObject({ code: "unavailable" });
    await expect.poll(() => proxy.busy).toEqual([]);
    proxy.plan.clear();
    expect(await storage.exists("large/c")).toBe(false);
    expect(await storage.listKeys({ prefix: "large/c" })).toEqual([]);
  });

  it("of which one block fails ends at once, although its source hangs", async () => {
    const { storage, proxy } = await freshWire(rig, { blockBytes });
    proxy.plan.mix(1, () => ({ kind: "refuse" }));
    const hanging = async function* () {
      yield* inPieces(randomBytes(3 * blockBytes));
      await new Promise(() => undefined);
    };
    await expect(storage.put("large/i", hanging())).rejects.toMatchObject({ code: "unavailable" });
  });

  it("shows progress while its blocks are under way", async () => {
    const { backend } = await freshWire(rig);
    const bytes = randomBytes(1_000_000);
    let told = 0;
    const body = {
      size: undefined,
      bytes: undefined,
      replayable: false,
      open: () => inPieces(bytes),
      checksum: () => checksumOf(bytes),
    };
    const description = { contentType: "x/y", filename: undefined, metadata: {} };
    await backend.write(parseKey("large/d"), body, {
      ...description,
      ifAbsent: false,
      ifMatch: undefined,
      signal: undefined,
      onProgress: () => {
        told += 1;
      },
    });
    expect(told).toBeGreaterThan(2);
  });

  it("whose blocks another write threw away is unavailable, and nothing of it is there", async () => {
    const { storage } = await freshWire(rig, { blockBytes });
    const meanwhile = randomBytes(blockBytes + 1);
    const pausing = async function* () {
      yield* inPieces(randomBytes(4 * blockBytes));
      await storage.put("large/e", meanwhile);
      yield randomBytes(10);
    };
    await expect(storage.put("large/e", pausing())).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("another write of this key"),
    });
    expect(Buffer.from(await storage.get("large/e")).equals(meanwhile)).toBe(true);
  });

  it("is precondition_failed if another write broke its condition", async () => {
    const { storage } = await freshWire(rig, { blockBytes });
    const old = await storage.put("large/g", "old");
    for (const [key, condition] of [
      ["large/f", { ifAbsent: true }],
      ["large/g", { ifMatch: old.etag }],
    ] as const) {
      const pausing = async function* () {
        yield* inPieces(randomBytes(4 * blockBytes));
        await storage.put(key, "published meanwhile");
        yield randomBytes(10);
      };
      await expect(storage.put(key, pausing(), condition)).rejects.toMatchObject({
        code: "precondition_failed",
      });
    }
  });

  it("tells a lost race only where the connection broke before anything could be published", async () => {
    const { storage, proxy } = await freshWire(rig, { blockBytes });
    const first = await storage.put("lost/a", "of another writer");
    const cut = { kind: "loseAnswer" } as const;
    for (const condition of [{ ifAbsent: true }, { ifMatch: "0x0" }]) {
      proxy.plan.next(cut);
      // It may have been published, and replaced by the object that stands there now.
      const small = storage.put("lost/a", "small", condition);
      await expect(small).rejects.toMatchObject({ code: "unavailable" });
      proxy.plan.mix(1, (_, { url }) =>
        url?.includes("comp=block") ? { kind: "cutUp", share: 0.5 } : undefined,
      );
      const blocks = storage.put("lost/a", inPieces(randomBytes(2 * blockBytes)), condition);
      await expect(blocks).rejects.toMatchObject({ code: "precondition_failed" });
      proxy.plan.clear();
    }
    expect((await storage.getMetadata("lost/a")).etag).toBe(first.etag);
  });

  it("does not tell a race as lost that may have been won", async () => {
    const { storage, proxy } = await freshWire(rig, { blockBytes });
    proxy.plan.next({ kind: "loseAnswer" });
    await expect(storage.put("won/a", "own", { ifAbsent: true })).rejects.toMatchObject({
      code: "unavailable",
    });
    expect(Buffer.from(await storage.get("won/a")).toString()).toBe("own");
    proxy.plan.next({ kind: "cutUp", share: 0.5 });
    await expect(storage.put("won/b", "own", { ifAbsent: true })).rejects.toMatchObject({
      code: "unavailable",
    });
  });

  it("is created by exactly one of a hundred writers", async () => {
    const { storage } = await freshWire(rig, { blockBytes });
    const writers = Array.from({ length: 100 }, (_, index) => {
      const content = Buffer.alloc(2 * blockBytes + 1, `writer ${index} `);
      return storage.put("large/h", inPieces(content), { ifAbsent: true });
    });
    const results = await Promise.allSettled(writers);
    const winners = results.flatMap(({ status }, index) => (status === "fulfilled" ? [index] : []));
    expect(winners).toHaveLength(1);
    const there = Buffer.from(await storage.get("large/h"));
    expect(there.equals(Buffer.alloc(2 * blockBytes + 1, `writer ${winners[0]} `))).toBe(true);
    for (const result of results) {
      if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "precondition_failed" });
    }
  });
});

describe("what is in memory is sent again", () => {
  const faults = [
    ["is answered 503", { kind: "answer", status: 503, headers: { "x-ms-error-code": "ServerBusy" } }],
    ["is answered 500", { kind: "answer", status: 500, headers: { "x-ms-error-code": "InternalError" } }],
    ["is reset before it arrives", { kind: "refuse" }],
    ["is reset on its way", { kind: "cutUp", share: 0.5 }],
    ["is done, but its answer is lost", { kind: "loseAnswer" }],
  ] as const satisfies readonly (readonly [string, Fault])[];

  describe.each(faults)("when %s", (what, fault) => {
    it.each(["block", "blocklist"])("a %s of a stream", async (part) => {
      const { storage, proxy } = await freshWire(rig, { blockBytes });
      let count = 0;
      proxy.plan.mix(1, (_, { url }) =>
        url?.includes(`comp=${part}`) && !url.includes(`comp=${part}l`) && count++ === 0 ? fault : undefined,
      );
      const bytes = randomBytes(3 * blockBytes + 1);
      const stored = await storage.put(`again/${part}`, inPieces(bytes));
      expect(count).toBeGreaterThan(1);
      expect(Buffer.from(await storage.get(`again/${part}`)).equals(bytes)).toBe(true);
      expect((await storage.getMetadata(`again/${part}`)).etag).toBe(stored.etag);
    });

    it("a short stream", async () => {
      const { storage, proxy, visits } = await freshWire(rig);
      proxy.plan.next(fault);
      const bytes = randomBytes(100_000);
      await storage.put("again/short", inPieces(bytes));
      expect(visits()).toEqual(["PUT", "PUT"]);
      expect(Buffer.from(await storage.get("again/short")).equals(bytes)).toBe(true);
    });

    it("what may have been done is not sent again under a condition", async () => {
      const isKnown = what === "is answered 503";
      for (const [size, part] of [
        [1000, ""],
        [blockBytes + 1, "comp=blocklist"],
      ] as const) {
        const { storage, proxy } = await freshWire(rig, { blockBytes });
        await storage.delete("again/condition");
        let count = 0;
        proxy.plan.mix(1, (_, { method, url }) =>
          method === "PUT" && url?.includes(part) && count++ === 0 ? fault : undefined,
        );
        const write = storage.put("again/condition", inPieces(randomBytes(size)), { ifAbsent: true });
        if (isKnown) await write;
        else await expect(write).rejects.toMatchObject({ code: "unavailable" });
        expect(count).toBe(isKnown ? 2 : 1);
      }
    });
  });

  it("and what was done is not told as surely not done when later attempts are refused", async () => {
    const busy = { kind: "answer", status: 503, headers: { "x-ms-error-code": "ServerBusy" } } as const;
    const { storage, proxy, visits } = await freshWire(rig);
    const ways = [
      [storage, inPieces(randomBytes(1000))],
      [storage.with(retry({ baseDelayMs: 1 })), randomBytes(1000)],
    ] as const;
    for (const [way, content] of ways) {
      await storage.delete("again/done");
      visits();
      proxy.plan.next({ kind: "loseAnswer" }, busy, busy, busy);
      const error = await way.put("again/done", content).catch((reason: unknown) => reason);
      expect(visits()).toEqual(Array(4).fill("PUT"));
      expect(error).toMatchObject({ code: "rate_limited" });
      expect(way.backend.classify(Object(error).cause).applied).toBeUndefined();
      expect(await storage.exists("again/done")).toBe(true);
    }
  });

  it("a few times", async () => {
    const { storage, proxy, visits } = await freshWire(rig, { blockBytes, blocksAtOnce: 1 });
    proxy.plan.mix(1, () => ({ kind: "refuse" }));
    const write = storage.put("again/never", inPieces(randomBytes(3 * blockBytes)));
    await expect(write).rejects.toMatchObject({ code: "unavailable" });
    expect(visits()).toEqual(Array(4).fill("PUT comp=block"));
  });

  it("by the retry layer alone where its source can be read again", async () => {
    const { storage, proxy, visits } = await freshWire(rig);
    proxy.plan.mix(1, () => ({ kind: "answer", status: 503 }));
    const patient = storage.with(retry({ baseDelayMs: 1 }), timeout(5000));
    const write = patient.put("again/buffer", randomBytes(2_000_000));
    await expect(write).rejects.toMatchObject({ code: "unavailable" });
    expect(visits()).toEqual(Array(4).fill("PUT"));
  });

  it("until the signal of the write fires", async () => {
    const { storage, proxy } = await freshWire(rig, { blockBytes });
    const controller = new AbortController();
    proxy.plan.mix(1, () => ({ kind: "answer", status: 503, headers: { "retry-after": "9" } }));
    const write = storage.put("again/aborted", inPieces(randomBytes(3 * blockBytes)), {
      signal: controller.signal,
    });
    await expect.poll(() => proxy.visits.length).toBeGreaterThan(0);
    setTimeout(() => controller.abort(), 50);
    await expect(write).rejects.toMatchObject({ code: "aborted" });
  });
});

describe("a signal that fires", () => {
  it("while the publishing request is answered does not make a lie of what was done", async () => {
    const { storage, proxy } = await freshWire(rig, { blockBytes });
    const controller = new AbortController();
    const none = { kind: "delay", ms: 0 } as const;
    proxy.plan.next(none, none, { kind: "delay", ms: 300 });
    const write = storage.put("late/a", randomBytes(blockBytes + 1), { signal: controller.signal });
    await expect.poll(() => proxy.visits.length).toBe(3);
    controller.abort();
    await expect(write).resolves.toMatchObject({ key: "late/a" });
    expect(await storage.exists("late/a")).toBe(true);
  });

  it("while a block is under way ends the write at once", async () => {
    const { storage, proxy } = await freshWire(rig, { blockBytes });
    const controller = new AbortController();
    proxy.plan.next({ kind: "hang" });
    const write = storage.put("late/b", randomBytes(3 * blockBytes), { signal: controller.signal });
    await expect.poll(() => proxy.visits.length).toBeGreaterThan(0);
    controller.abort();
    await expect(write).rejects.toMatchObject({ code: "aborted" });
    await expect.poll(() => proxy.busy).toEqual([]);
    expect(await storage.exists("late/b")).toBe(false);
  });
});
