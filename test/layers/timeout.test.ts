import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Key, type OpenedObject, type ReadOptions, Storage, timeout } from "svc-infra/storage";
import { oddPieces, sampleBytes } from "svc-infra/storage/conformance";
import { MemoryBackend } from "svc-infra/storage/memory";
import { describe, expect, it, vi } from "vitest";
import { ended, pass, useFakeClock } from "./fake-clock.js";
import { ScriptedBackend } from "./scripted-backend.js";

useFakeClock();

async function* slowly(pieces: number, pauseMs: number): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < pieces; index++) {
    await pass(pauseMs);
    yield Buffer.from(String(index));
  }
}

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

describe("timeout", () => {
  it("keeps no signal that has fired", async () => {
    const backend = new ScriptedBackend(...Array.from({ length: 20 }, () => "hang" as const));
    const storage = new Storage(backend).with(timeout(30));
    const calls = Array.from({ length: 20 }, () => storage.exists("a"));
    await ended(Promise.allSettled(calls));
    const fired = backend.signals.splice(0).map((signal = AbortSignal.abort()) => new WeakRef(signal));
    calls.splice(0);
    // What a WeakRef was asked for lives until the end of the turn.
    await new Promise(setImmediate);
    collect();
    expect([fired.length, fired.filter((each) => each.deref() !== undefined).length]).toEqual([20, 0]);
  });

  it.each<readonly [string, (storage: Storage) => Promise<unknown>]>([
    ["stat", (storage: Storage) => storage.getMetadata("a")],
    ["list", (storage: Storage) => storage.list()],
    ["remove", (storage: Storage) => storage.delete("a")],
    ["copy", (storage: Storage) => storage.copy("a", "b")],
    ["read", (storage: Storage) => storage.get("a")],
    ["sign", (storage: Storage) => storage.getUrl("a")],
  ])("ends a %s that hangs, and tells the backend", async (verb, call) => {
    const backend = new ScriptedBackend();
    const storage = new Storage(backend).with(timeout(30));
    await storage.put("a", "content");
    backend.plan(...(verb === "copy" ? (["pass", "hang"] as const) : (["hang"] as const)));
    await expect(ended(call(storage))).rejects.toMatchObject({
      code: "timeout",
      message: expect.stringContaining("30 ms"),
    });
    if (verb !== "sign") expect(backend.signals.at(-1)?.aborted).toBe(true);
  });

  it("lets a slow source take as long as it likes, as long as it gives something", async () => {
    const storage = new Storage(new MemoryBackend()).with(timeout(80));
    const { size } = await ended(storage.put("a", slowly(8, 35), { contentType: "text/plain" }));
    expect(size).toBe(8);
  });

  it("ends a write whose source stops giving, and leaves nothing", async () => {
    const storage = new Storage(new MemoryBackend()).with(timeout(30));
    async function* stuck() {
      yield Buffer.alloc(100_000);
      await new Promise(() => undefined);
    }
    await expect(ended(storage.put("a", stuck(), { contentType: "a/b" }))).rejects.toMatchObject({
      code: "timeout",
    });
    expect(await storage.exists("a")).toBe(false);
  });

  it("does not count the time in which the reader asks for nothing", async () => {
    const storage = new Storage(new MemoryBackend()).with(timeout(30));
    const bytes = sampleBytes(3_000_000);
    await storage.put("a", bytes);
    const pieces: Uint8Array[] = [];
    const { body } = await storage.open("a");
    await ended(pass(60));
    for await (const piece of body) {
      pieces.push(piece);
      if (pieces.length < 3) await ended(pass(60));
    }
    expect(Buffer.compare(Buffer.concat(pieces), bytes)).toBe(0);
  });

  it("ends a body that stops coming", async () => {
    class Stalling extends ScriptedBackend {
      override async read(key: Key, options: ReadOptions): Promise<OpenedObject> {
        const opened = await super.read(key, options);
        const { stat, start, end } = opened;
        async function* body() {
          yield Buffer.from("c");
          await new Promise(() => undefined);
        }
        return { stat, start, end, bytes: undefined, body: body(), close: () => opened.close() };
      }
    }
    const storage = new Storage(new Stalling()).with(timeout(30));
    await storage.put("a", "content");
    await expect(ended(storage.get("a"))).rejects.toMatchObject({ code: "timeout" });
  });

  it("closes what a backend opens after its time", async () => {
    let closed = 0;
    class Late extends ScriptedBackend {
      override async read(key: Key, options: ReadOptions): Promise<OpenedObject> {
        const { stat, start, end, body } = await super.read(key, { ...options, signal: undefined });
        await pass(60);
        const close = async () => {
          closed++;
        };
        return { stat, start, end, bytes: undefined, body, close };
      }
    }
    const storage = new Storage(new Late()).with(timeout(20));
    await storage.put("a", "content");
    await expect(ended(storage.open("a"))).rejects.toMatchObject({ code: "timeout" });
    await ended(pass(80));
    expect(closed).toBe(1);
  });

  it("hands the caller's own abort on, and leaves no listener on its signal", async () => {
    const backend = new ScriptedBackend();
    const storage = new Storage(backend).with(timeout(1000));
    const counting = new CountingSignal();
    await storage.put("a", oddPieces(sampleBytes(2_000_000)), { signal: counting.signal });
    await storage.exists("a", { signal: counting.signal });
    await (await storage.open("a", { signal: counting.signal })).body.bytes();
    await (await storage.open("a", { signal: counting.signal })).body.close();
    expect(counting.listeners).toBe(0);
    backend.plan("hang");
    const call = storage.exists("a", { signal: counting.signal });
    counting.abort();
    await expect(call).rejects.toMatchObject({ code: "aborted" });
  });

  it("makes no timer of its own for a call, and none stays when all have ended", async () => {
    const storage = new Storage(new MemoryBackend()).with(timeout(1000));
    await Promise.all(Array.from({ length: 50 }, (_, index) => storage.put(`a/${index}`, "content")));
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(300);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("tells what a backend derived from the signal of one call nothing of the next", async () => {
    const backend = new ScriptedBackend();
    const storage = new Storage(backend).with(timeout(30));
    await storage.put("a", "content");
    await storage.getMetadata("a");
    const derived = AbortSignal.any(backend.signals.slice(-1).filter((signal) => signal !== undefined));
    backend.plan("hang");
    await expect(ended(storage.getMetadata("a"))).rejects.toMatchObject({ code: "timeout" });
    expect(backend.signals.at(-1)?.aborted).toBe(true);
    expect(derived.aborted).toBe(false);
  });

  it("never fires a signal of a call that has ended, though its backend still listens", async () => {
    const backend = new ScriptedBackend();
    const storage = new Storage(backend).with(timeout(30));
    await storage.put("a", "content");
    await storage.exists("a");
    let fired = 0;
    backend.signals.at(-1)?.addEventListener("abort", () => {
      fired++;
    });
    for (let turn = 0; turn < 3; turn++) {
      backend.plan("hang");
      await expect(ended(storage.exists("a"))).rejects.toMatchObject({ code: "timeout" });
    }
    expect(fired).toBe(0);
  });

  it.each([0, -1, Number.NaN, 2 ** 31])("%d is no time", (timeoutMs) => {
    expect(() => timeout(timeoutMs)).toThrow(/timeoutMs/);
  });
});

/** Counts who listens. */
class CountingSignal {
  readonly #controller = new AbortController();
  readonly #listeners = new Set<unknown>();

  constructor() {
    const { signal } = this;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (type: string, listener: () => void, options?: object) => {
      this.#listeners.add(listener);
      add(type, listener, options);
    };
    signal.removeEventListener = (type: string, listener: () => void) => {
      this.#listeners.delete(listener);
      remove(type, listener);
    };
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  abort(): void {
    this.#controller.abort();
  }
}
