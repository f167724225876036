import { setTimeout as sleep } from "node:timers/promises";
import {
  type BackendCall,
  type ByteRange,
  type Capabilities,
  type Key,
  LayerBackend,
  type Next,
  type ObjectStat,
  type OpenedObject,
  parseKey,
  type ReadOptions,
  retry,
  Storage,
} from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { FileBody, unreadBodyMs } from "#dist/storage/content/file-body.js";
import { freshFolder } from "./local/fresh-store.js";

/** Gives other bytes than it should: what `change` makes of those that were asked for. */
class Changing extends LayerBackend<Capabilities> {
  keepsChecksum = false;
  asBytes = false;
  closed = 0;
  readonly #changes: ((bytes: Buffer) => Buffer)[] = [];

  constructor(...changes: ((bytes: Buffer) => Buffer)[]) {
    super(new MemoryBackend());
    this.#changes = changes;
  }

  protected override intercept<T>(call: BackendCall, next: Next<T>): Promise<T> {
    return next(call.signal);
  }

  override async read(key: Key, options: ReadOptions): Promise<OpenedObject> {
    const { stat, start, end, bytes = Buffer.alloc(0) } = await super.read(key, options);
    const change = this.#changes.length > 1 ? this.#changes.shift() : this.#changes[0];
    const changed = Buffer.from(change?.(Buffer.from(bytes)) ?? bytes);
    return {
      stat: this.keepsChecksum ? stat : withoutChecksum(stat),
      start,
      end,
      bytes: this.asBytes ? changed : undefined,
      body: inTwo(changed),
      close: async () => {
        this.closed++;
      },
    };
  }
}

function withoutChecksum(stat: ObjectStat): ObjectStat {
  return { ...stat, checksum: undefined };
}

async function* inTwo(bytes: Buffer): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes.subarray(0, 3);
  if (bytes.length > 3) yield bytes.subarray(3);
}

const short = (bytes: Buffer) => bytes.subarray(0, bytes.length - 1);
const long = (bytes: Buffer) => Buffer.concat([bytes, Buffer.from("!")]);
const sound = (bytes: Buffer) => bytes;

async function stored(backend: Changing): Promise<Storage> {
  const storage = new Storage(backend);
  await storage.put("a", "content", { contentType: "text/plain" });
  return storage;
}

afterEach(() => {
  vi.useRealTimers();
});

describe("a body with another number of bytes than was opened is corrupt", () => {
  const ranges: readonly (ByteRange | undefined)[] = [undefined, { start: 1, end: 5 }, { suffix: 6 }];
  const cases = ranges.flatMap((range) =>
    [short, long].flatMap((change) => [true, false].map((asBytes) => ({ range, change, asBytes }))),
  );

  it.each(cases)("$range $change.name, in memory: $asBytes", async ({ range, change, asBytes }) => {
    const backend = new Changing(change);
    const storage = await stored(backend);
    backend.asBytes = asBytes;
    const opened = async () => (await storage.open("a", { range })).body;
    await expect((await opened()).bytes()).rejects.toMatchObject({ code: "corrupt", operation: "open" });
    if (range === undefined) await expect(storage.get("a")).rejects.toMatchObject({ code: "corrupt" });
    if (asBytes) return;
    const seen: Uint8Array[] = [];
    const reading = (async () => {
      for await (const piece of await opened()) seen.push(piece);
    })();
    await expect(reading).rejects.toMatchObject({ code: "corrupt" });
    expect(Buffer.concat(seen).toString()).not.toContain("!");
  });

  it("and a whole read with a checksum withholds its last piece", async () => {
    const backend = new Changing(short);
    backend.keepsChecksum = true;
    const seen: Uint8Array[] = [];
    const reading = (async () => {
      for await (const piece of (await (await stored(backend)).open("a")).body) seen.push(piece);
    })();
    await expect(reading).rejects.toMatchObject({ code: "corrupt" });
    expect(Buffer.concat(seen).toString()).toBe("con");
  });
});

describe("under retry a body that ends too early", () => {
  const quick = retry({ baseDelayMs: 1, attempts: 3 });

  it("is resumed where it broke", async () => {
    const storage = (await stored(new Changing(short, short, sound))).with(quick);
    expect(Buffer.from(await storage.get("a")).toString()).toBe("content");
  });

  it("is unavailable when no more of it comes", async () => {
    const storage = (await stored(new Changing((bytes) => bytes.subarray(0, 0)))).with(quick);
    await expect(storage.get("a")).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("a body that is not read", () => {
  it("is closed when its stream is destroyed first", async () => {
    const backend = new Changing(sound);
    const { body } = await (await stored(backend)).open("a");
    body.stream().destroy();
    await sleep(10);
    expect(backend.closed).toBeGreaterThan(0);
  });

  it.each(["bytes", "text", "iteration"] as const)(
    "for a minute is closed, and its %s a timeout",
    async (way) => {
      vi.useFakeTimers();
      const backend = new Changing(sound);
      const opened = await (await stored(backend)).backend.read(parseKey("a"), {
        range: undefined,
        ifMatch: undefined,
        signal: undefined,
      });
      const body = new FileBody(opened, (error) =>
        error instanceof Error ? error : new Error(String(error)),
      );
      vi.advanceTimersByTime(unreadBodyMs + 1);
      expect(backend.closed).toBe(1);
      const reading = way === "iteration" ? body[Symbol.asyncIterator]().next() : body[way]();
      await expect(reading).rejects.toMatchObject({ code: "timeout" });
    },
  );
});

/** Keeps all pieces that pass. */
class Keeping extends LayerBackend<Capabilities> {
  readonly kept: Uint8Array[] = [];

  protected override intercept<T>(call: BackendCall, next: Next<T>): Promise<T> {
    return next(call.signal);
  }

  override async read(key: Key, options: ReadOptions): Promise<OpenedObject> {
    const opened = await super.read(key, options);
    return { ...opened, body: this.#keep(opened), close: () => opened.close() };
  }

  async *#keep({ body }: OpenedObject): AsyncGenerator<Uint8Array> {
    for await (const piece of body) {
      this.kept.push(piece);
      yield piece;
    }
  }
}

it("a layer may hold the pieces that it hands on", async () => {
  const layer = new Keeping(new LocalBackend({ basePath: await freshFolder(), durability: "fast" }));
  const storage = new Storage(layer);
  onTestFinished(() => storage.close());
  for (const letter of ["a", "b"]) await storage.put(letter, Buffer.alloc(2_000_000, letter));
  await storage.get("a");
  const kept = layer.kept.splice(0);
  await storage.get("b");
  expect(Buffer.concat(kept).equals(Buffer.alloc(2_000_000, "a"))).toBe(true);
});

describe.each([
  ["in memory", 10],
  ["as a stream", 3_000_000],
])("a body %s", (_name, size) => {
  it("is read once, and not after it was closed", async () => {
    const storage = new Storage(new MemoryBackend());
    await storage.put("a", Buffer.alloc(size));
    const { body: read } = await storage.open("a");
    await read.bytes();
    const { body: closed } = await storage.open("a");
    await closed.close();
    for (const body of [read, closed]) {
      await expect(body.bytes()).rejects.toMatchObject({ code: "invalid_argument" });
      await expect(body.stream().toArray()).rejects.toMatchObject({ code: "invalid_argument" });
    }
  });
});
