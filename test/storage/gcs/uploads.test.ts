import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { checksumOf, type ObjectStat, parseKey, retry, Storage, timeout } from "svc-infra/storage";
import { GcsBackend } from "svc-infra/storage/gcs";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Fault } from "../../rigs/fault-plan.js";
import { type FaultProxy, startFaultProxy } from "../../rigs/fault-proxy.js";
import { type DoubleState, startGcsDouble } from "../../rigs/gcs-double.js";

const rig = await startGcsDouble();
const { bucket, endpoint, owner } = rig;
const mebibyte = 1_048_576;
const given = {
  contentType: "text/plain",
  filename: undefined,
  metadata: {},
  ifAbsent: false,
  ifMatch: undefined,
};
let proxy: FaultProxy;
let backend: GcsBackend;
let storage: Storage;

beforeEach(async () => {
  proxy = await startFaultProxy(endpoint);
  backend = new GcsBackend({ bucket, endpoint: proxy.endpoint, credentials: owner });
  storage = new Storage(backend);
});
afterEach(async () => {
  await storage.close();
  await proxy.stop();
});
afterAll(() => rig.stop());

/** Bytes that are nowhere the same. */
function bytesOf(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at);
  return bytes;
}

async function* piecesOf(bytes: Buffer, pieceBytes = 70_001): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** What the service has, once it has heard of everything that was sent. */
async function settledState(isSettled: (state: DoubleState) => boolean): Promise<DoubleState> {
  for (;;) {
    const state = await rig.state();
    if (isSettled(state)) return state;
    await sleep(10);
  }
}

describe("a stream", () => {
  it.each([4 * mebibyte - 1, 4 * mebibyte, 4 * mebibyte + 1, 16 * mebibyte, 20_000_003])(
    "of %i bytes comes back whole",
    async (size) => {
      const bytes = bytesOf(size);
      await storage.put("stream", piecesOf(bytes));
      expect(Buffer.compare(Buffer.from(await storage.get("stream")), bytes)).toBe(0);
    },
  );

  it("that fits into one request takes one, and its checksum is kept", async () => {
    const bytes = bytesOf(100_000);
    const before = await rig.state();
    const { checksum } = await storage.put("short", piecesOf(bytes));
    const after = await rig.state();
    expect(after["upload multipart"]).toBe((before["upload multipart"] ?? 0) + 1);
    expect(after["upload resumable"]).toBe(before["upload resumable"]);
    expect([checksum, (await storage.getMetadata("short")).checksum]).toEqual([
      checksumOf(bytes),
      checksumOf(bytes),
    ]);
  });

  it("that fails on the way leaves nothing, and its session is cancelled", async () => {
    const source = async function* () {
      yield* piecesOf(bytesOf(17 * mebibyte));
      throw new Error("the source failed");
    };
    await expect(storage.put("failed", source())).rejects.toMatchObject({ code: "source_failed" });
    const { objects } = await settledState(({ sessions }) => sessions === 0);
    expect(objects).not.toContain("failed");
    expect(proxy.visits.at(-1)?.method).toBe("DELETE");
  });

  it("that is aborted while a chunk is sent stops it, leaves nothing, and its session is cancelled", async () => {
    const controller = new AbortController();
    let given = 0;
    const source = async function* () {
      for await (const piece of piecesOf(bytesOf(30 * mebibyte))) {
        given += piece.byteLength;
        if (given > 17 * mebibyte) controller.abort();
        yield piece;
      }
    };
    const write = storage.put("aborted", Readable.from(source()), { signal: controller.signal });
    await expect(write).rejects.toMatchObject({ code: "aborted" });
    const { objects } = await settledState(({ sessions }) => sessions === 0);
    expect(objects).not.toContain("aborted");
  });

  it("continues where the service says, when it kept less than it got", async () => {
    const sparing = await startGcsDouble({ keepsAtMost: 3 * mebibyte });
    const spared = new Storage(
      new GcsBackend({ bucket, endpoint: sparing.endpoint, credentials: sparing.owner }),
    );
    const bytes = bytesOf(17 * mebibyte);
    await spared.put("spared", piecesOf(bytes));
    expect(Buffer.compare(Buffer.from(await spared.get("spared")), bytes)).toBe(0);
    await spared.close();
    await sparing.stop();
  });

  it("whose session breaks while its source hangs fails at once, and surely was not done", async () => {
    const source = async function* () {
      yield bytesOf(9 * mebibyte);
      await new Promise(() => undefined);
    };
    proxy.plan.mix(1, (_, { method }) => (method === "PUT" ? { kind: "cutUp", share: 0.5 } : undefined));
    const body = { ...bodyOf(""), bytes: undefined, size: undefined, replayable: false, open: source };
    const error = await backend
      .write(parseKey("hanging"), body, { ...given, signal: undefined })
      .catch((each) => each);
    expect(backend.classify(error)).toMatchObject({ code: "unavailable", applied: false });
    await settledState(({ sessions }) => sessions === 0);
  });

  it.each(["http://sessions.example/upload", "https://sessions.example/upload", "ftp://localhost/", "none"])(
    "whose session lies at %s sends nothing there",
    async (location) => {
      proxy.plan.mix(1, (_, { method, url = "" }) =>
        method === "POST" && url.includes("uploadType=resumable")
          ? { kind: "answer", status: 200, headers: { location, "content-length": "0" } }
          : undefined,
      );
      const write = storage.put("elsewhere", piecesOf(bytesOf(17 * mebibyte)));
      await expect(write).rejects.toMatchObject({
        code: "unavailable",
        message: expect.stringContaining("session"),
      });
      expect(proxy.visits.filter(({ method }) => method === "PUT")).toEqual([]);
    },
  );

  it("of which the service lost what it had is unavailable, and its session is cancelled", async () => {
    let puts = 0;
    proxy.plan.mix(1, (_, { method }) =>
      method === "PUT" && puts++ === 1
        ? { kind: "answer", status: 308, headers: { "content-length": "0" } }
        : undefined,
    );
    const write = storage.put("lost", piecesOf(bytesOf(17 * mebibyte)));
    await expect(write).rejects.toMatchObject({ code: "unavailable" });
    await settledState(({ sessions }) => sessions === 0);
  });

  it.each([
    [404, 0],
    [404, 2],
    [410, 1],
  ])(
    "whose session is gone, for a %i to chunk %i, is unavailable, and begun anew where it can be read again",
    async (status, index) => {
      let puts = 0;
      proxy.plan.mix(1, (_, { method }) =>
        method === "PUT" && puts++ === index ? { kind: "answer", status, body: "Not Found" } : undefined,
      );
      const content = bytesOf(9 * mebibyte);
      const lost = await storage.put("gone", piecesOf(content)).catch((error: unknown) => error);
      expect(lost).toMatchObject({
        code: "unavailable",
        message: expect.stringContaining("session is gone"),
      });
      expect(backend.classify(Object(lost).cause).applied).toBe(false);
      puts = 0;
      const patient = storage.with(retry({ baseDelayMs: 1 }));
      expect(await patient.put("gone", content)).toMatchObject({ size: content.length });
      await settledState(({ sessions }) => sessions === 0);
    },
  );
});

describe("what is in memory is sent again", () => {
  const bytes = bytesOf(9 * mebibyte + 5);
  const faults = [
    ["is answered 503", { kind: "answer", status: 503, body: "" }],
    ["is answered 429", { kind: "answer", status: 429, headers: { "retry-after": "0" }, body: "{}" }],
    ["is reset before it arrives", { kind: "refuse" }],
    ["is reset on its way", { kind: "cutUp", share: 0.5 }],
    ["is done, but its answer is lost", { kind: "loseAnswer" }],
  ] as const satisfies readonly (readonly [string, Fault])[];

  /** This request of the method gets the fault, counted from 0. */
  function spoil(method: string, index: number, fault: Fault, { plan } = proxy): void {
    let count = 0;
    plan.mix(1, (_, request) =>
      request.method === method && request.url?.includes("/upload/") && count++ === index ? fault : undefined,
    );
  }

  for (const [what, fault] of faults) {
    it.each(["first", "middle", "last"])(`when the %s chunk of a stream ${what}`, async (place) => {
      spoil("PUT", ["first", "middle", "last"].indexOf(place), fault);
      const { etag } = await storage.put(`again/${place}`, piecesOf(bytes));
      expect((await storage.getMetadata(`again/${place}`)).etag).toBe(etag);
      expect(Buffer.compare(Buffer.from(await storage.get(`again/${place}`)), bytes)).toBe(0);
      await settledState(({ sessions }) => sessions === 0);
    });

    it(`when the start of an upload ${what}`, async () => {
      // A session of which no answer came stays open there.
      const own = await startGcsDouble();
      const ownProxy = await startFaultProxy(own.endpoint);
      const credentials = own.owner;
      const begun = new Storage(new GcsBackend({ bucket, endpoint: ownProxy.endpoint, credentials }));
      spoil("POST", 0, fault, ownProxy);
      await begun.put("again/start", piecesOf(bytes));
      expect(Buffer.compare(Buffer.from(await begun.get("again/start")), bytes)).toBe(0);
      await begun.close();
      await ownProxy.stop();
      await own.stop();
    });

    it(`when a short stream ${what}`, async () => {
      spoil("POST", 0, fault);
      await storage.put("again/short", piecesOf(bytes.subarray(0, 200_000)));
      expect((await storage.get("again/short")).length).toBe(200_000);
    });
  }

  it("under a condition too, as the session itself tells what was done", async () => {
    await storage.delete("again/once");
    spoil("PUT", 2, { kind: "loseAnswer" });
    const { etag } = await storage.put("again/once", piecesOf(bytes), { ifAbsent: true });
    expect((await storage.getMetadata("again/once")).etag).toBe(etag);
  });

  it("but no short stream under a condition that may have been done", async () => {
    await storage.delete("again/doubt");
    spoil("POST", 0, { kind: "loseAnswer" });
    const write = storage.put("again/doubt", piecesOf(bytes.subarray(0, 200_000)), { ifAbsent: true });
    await expect(write).rejects.toMatchObject({ code: "unavailable" });
    expect(await storage.exists("again/doubt")).toBe(true);
  });

  it("only the rest of a chunk of which the service has a part", async () => {
    spoil("PUT", 1, { kind: "cutUp", share: 0.5 });
    const sent: string[] = [];
    const { take } = proxy.plan;
    proxy.plan.take = function (request) {
      if (request.method === "PUT") sent.push(String(request.headers["content-range"]));
      return take.call(this, request);
    };
    await storage.put("again/rest", piecesOf(bytes));
    expect(sent.slice(0, 3)).toEqual(["bytes 0-4194303/*", "bytes 4194304-8388607/*", "bytes */*"]);
    expect(Number(/^bytes ([0-9]+)-8388607/.exec(sent[3] ?? "")?.[1])).toBeGreaterThan(4_194_304);
    expect(sent).toHaveLength(5);
  });

  it.each([
    ["is cut off", { kind: "refuse" }],
    ["is answered that the session is gone", { kind: "answer", status: 410, body: "" }],
    ["is answered that there is no session", { kind: "answer", status: 404, body: "" }],
  ] as const)(
    "a few times: when every question behind a lost answer %s, it may have been done",
    async (_, fault) => {
      let puts = 0;
      proxy.plan.mix(1, (_random, { method }) => {
        if (method !== "PUT" || puts++ < 2) return undefined;
        return puts === 3 ? { kind: "loseAnswer" } : fault;
      });
      const body = { ...bodyOf(""), bytes: undefined, size: undefined, replayable: false };
      const open = () => piecesOf(bytes);
      const error = await backend
        .write(parseKey("again/unknown"), { ...body, open }, { ...given, signal: undefined })
        .catch((each) => each);
      const { code, applied } = backend.classify(error);
      expect([code, applied]).toEqual(["unavailable", undefined]);
      expect(puts).toBe(6);
    },
  );

  it("until the signal of the write fires", async () => {
    const controller = new AbortController();
    proxy.plan.mix(1, (_, { method }) =>
      method === "PUT"
        ? { kind: "answer", status: 503, headers: { "retry-after": "9" }, body: "" }
        : undefined,
    );
    const write = storage.put("again/aborted", piecesOf(bytes), { signal: controller.signal });
    await expect.poll(() => proxy.visits.at(-1)?.method).toBe("PUT");
    setTimeout(() => controller.abort(), 50);
    await expect(write).rejects.toMatchObject({ code: "aborted" });
  });
});

describe("a large buffer", () => {
  it("goes in chunks, and has its checksum, also under a timeout", async () => {
    const bytes = bytesOf(20 * mebibyte + 5);
    for (const each of [storage, storage.with(timeout(20_000))]) {
      const { checksum, size } = await each.put("buffer", bytes);
      expect([checksum, size]).toEqual([checksumOf(bytes), bytes.length]);
      expect(Buffer.compare(Buffer.from(await each.get("buffer")), bytes)).toBe(0);
    }
  });

  it("tells of progress as its bytes go, so that a slow way is no dead one", async () => {
    const bytes = bytesOf(9 * mebibyte);
    proxy.plan.mix(1, (_, { method }) =>
      method === "PUT" ? { kind: "throttle", bytesPerSecond: 2 * mebibyte } : undefined,
    );
    const { size } = await storage.with(timeout(3500)).put("slow", bytes);
    expect(size).toBe(bytes.length);
  });
});

describe("a change whose last byte has gone", () => {
  it.each([
    ["write", (signal: AbortSignal) => backend.write(parseKey("late"), bodyOf("new"), { ...given, signal })],
    [
      "copy",
      (signal: AbortSignal) =>
        backend.copy(parseKey("from"), parseKey("late"), { ...given, sourceIfMatch: undefined, signal }),
    ],
  ] as const)("resolves although the signal of the %s fires, for it is done", async (_, change) => {
    await storage.put("from", "new");
    await storage.delete("late");
    const controller = new AbortController();
    proxy.plan.next({ kind: "delay", ms: 300 });
    const changing: Promise<ObjectStat> = change(controller.signal);
    setTimeout(() => controller.abort(), 100);
    const { etag } = await changing;
    expect((await storage.getMetadata("late")).etag).toBe(etag);
  });
});

it("of writers that create one object in streams larger than a chunk exactly one wins", async () => {
  const writers = Array.from({ length: 6 }, (_, index) =>
    storage.put("created", piecesOf(Buffer.alloc(9 * mebibyte, index)), { ifAbsent: true }),
  );
  const outcomes = await Promise.allSettled(writers);
  const winner = outcomes.findIndex(({ status }) => status === "fulfilled");
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "precondition_failed" });
  }
  expect((await storage.get("created"))[0]).toBe(winner);
  await settledState(({ sessions }) => sessions === 0);
});

function bodyOf(text: string) {
  const bytes = Buffer.from(text);
  return {
    bytes,
    size: bytes.length,
    replayable: true,
    checksum: () => checksumOf(bytes),
    async *open() {
      yield bytes;
    },
  };
}

it("content that can be read again is sent again by the retry layer alone", async () => {
  proxy.plan.mix(1, (_, { method }) => (method === "POST" ? { kind: "answer", status: 503 } : undefined));
  const patient = storage.with(retry({ baseDelayMs: 1 }), timeout(5000));
  await expect(patient.put("again", bytesOf(2 * mebibyte))).rejects.toMatchObject({ code: "unavailable" });
  expect(proxy.visits.filter(({ target }) => target.startsWith("/upload"))).toHaveLength(4);
});

it("an upload in parts whose record cannot be read is not passed over in a list of unfinished ones", async () => {
  const { signal } = new AbortController();
  await backend.createUpload(parseKey("unread"), { ...given, signal });
  proxy.plan.mix(1, (_, { url }) =>
    url?.includes("record") && url.includes("alt=media") ? { kind: "answer", status: 503 } : undefined,
  );
  const list = async () => {
    for await (const _ of backend.unfinished({ dryRun: true, signal }));
  };
  await expect(list()).rejects.toMatchObject({ failure: { code: "unavailable" } });
});
