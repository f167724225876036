import {
  type Body,
  type CallOptions,
  type CopyOptions,
  type Key,
  type ObjectStat,
  Storage,
  type StorageBackend,
  stack,
  timeout,
  type WriteOptions,
} from "svc-infra/storage";
import { describe, expect, it, vi } from "vitest";
import { ended, pass, useFakeClock } from "./fake-clock.js";
import { ScriptedBackend } from "./scripted-backend.js";

useFakeClock();

/** Does a change as it is told, whatever the signal says. */
class CommittingBackend extends ScriptedBackend {
  readonly #publish: (options: CallOptions) => Promise<void>;

  constructor(publish: (options: CallOptions) => Promise<void>) {
    super();
    this.#publish = publish;
  }

  override async copy(from: Key, to: Key, options: CopyOptions): Promise<ObjectStat> {
    await this.#publish(options);
    return super.copy(from, to, { ...options, signal: undefined });
  }

  override async write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    // The object that is copied, and the lease of an upload.
    if (key !== "b") return super.write(key, body, options);
    await this.#publish(options);
    return super.write(key, body, { ...options, signal: undefined });
  }

  override async completeUpload(...call: Parameters<StorageBackend["completeUpload"]>): Promise<ObjectStat> {
    const [key, id, parts, options] = call;
    await this.#publish(options);
    return super.completeUpload(key, id, parts, { ...options, signal: undefined });
  }
}

type Change = (storage: Storage, options: { signal?: AbortSignal }) => Promise<unknown>;

const changes: readonly (readonly [string, Change])[] = [
  ["write", (storage, options) => storage.put("b", "content", options)],
  ["copy", (storage, options) => storage.copy("a", "b", options)],
  [
    "completion",
    async (storage, options) => {
      const upload = await storage.createUpload("b");
      await upload.writePart(1, "content");
      return upload.complete(options);
    },
  ],
];

describe.each(changes)("a %s whose time is over", (_name, change) => {
  async function timed(publish: (options: CallOptions) => Promise<void>): Promise<Storage> {
    const storage = new Storage(new CommittingBackend(publish)).with(timeout(30));
    await storage.put("a", "content");
    return storage;
  }

  it("succeeds if it was done nevertheless", async () => {
    const storage = await timed(() => pass(55));
    await ended(change(storage, {}));
    expect(await storage.exists("b")).toBe(true);
  });

  it("succeeds also when its caller aborted", async () => {
    const storage = await timed(() => pass(20));
    const controller = new AbortController();
    const call = change(storage, { signal: controller.signal });
    setTimeout(() => controller.abort(), 10);
    await ended(call);
    expect(await storage.exists("b")).toBe(true);
  });

  it("is a timeout, and nothing else, if it fails when it is told to stop", async () => {
    const storage = await timed(async () => {
      await pass(55);
      throw new Error("stopped");
    });
    const error = await ended(change(storage, {})).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "timeout", message: "no progress for 30 ms" });
    expect(await storage.exists("b")).toBe(false);
  });

  it("is in doubt if it tells nothing for as long again", async () => {
    const storage = await timed(() => new Promise(() => undefined));
    await expect(ended(change(storage, {}))).rejects.toMatchObject({
      code: "timeout",
      message: "no progress for 30 ms; whether it was done is not known",
    });
  });

  it("is aborted if its caller aborted and it tells nothing", async () => {
    const storage = await timed(() => new Promise(() => undefined));
    const controller = new AbortController();
    const call = change(storage, { signal: controller.signal });
    setTimeout(() => controller.abort(), 10);
    await expect(ended(call)).rejects.toMatchObject({ code: "aborted" });
  });

  it("is not over as long as bytes move in the backend, under other layers too", async () => {
    const publish = async ({ onProgress, signal }: CallOptions) => {
      for (let turn = 0; turn < 6; turn++) {
        await pass(20);
        onProgress?.();
      }
      signal?.throwIfAborted();
    };
    const backend = new CommittingBackend(publish);
    const layers = stack({ prefix: "t/", retry: {}, metrics: { operation: () => {}, fileSize: () => {} } });
    const storage = new Storage(backend).with(timeout(30), ...layers, timeout(30));
    await ended(storage.put("a", "content"));
    await ended(change(storage, {}));
    expect(await storage.exists("b")).toBe(true);
  });

  it("leaves no timer, also when the backend works on", async () => {
    const storage = await timed(async ({ onProgress }) => {
      await pass(200);
      onProgress?.();
    });
    await ended(change(storage, {})).catch(() => undefined);
    await vi.advanceTimersByTimeAsync(150);
    expect(vi.getTimerCount()).toBe(0);
  });
});
