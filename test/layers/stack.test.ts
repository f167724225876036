import {
  type BackendCall,
  type Capabilities,
  LayerBackend,
  type Next,
  type OperationEvent,
  parseKey,
  prefix,
  RateLimitedError,
  Storage,
  signing,
  stack,
  UrlSigner,
} from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { describe, expect, it } from "vitest";
import { ScriptedBackend } from "./scripted-backend.js";

describe("the stack of layers", () => {
  it("gives each attempt its own time, and counts one call with all of them", async () => {
    const events: OperationEvent[] = [];
    const backend = new ScriptedBackend();
    await new Storage(backend).put("t/1/a", "content");
    const layers = stack({
      prefix: "t/1/",
      metrics: { operation: (event) => events.push(event), fileSize: () => undefined },
      retry: { baseDelayMs: 1 },
      timeoutMs: 40,
    });
    const storage = new Storage(backend).with(...layers);
    backend.plan("hang", "hang");
    expect(await storage.exists("a")).toBe(true);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ operation: "stat", status: "success" });
    expect(events[0]?.durationSeconds).toBeGreaterThan(0.07);
  });

  it("leaves out what is not named", () => {
    expect(stack({})).toEqual([]);
  });
});

describe("a layer around every verb", () => {
  it("tells all that a StorageError knows", () => {
    const error = new RateLimitedError({ message: "slowly", retryAfterMs: 7 });
    const failure = { code: "rate_limited", message: "slowly", retryAfterMs: 7 };
    expect(new ScriptedBackend().classify(error)).toEqual(failure);
  });

  it("is passed by each of them, but not by close", async () => {
    const passed = new Set<string>();
    class Passed extends LayerBackend<Capabilities> {
      protected override intercept<T>(call: BackendCall, next: Next<T>): Promise<T> {
        passed.add(call.verb);
        return next(call.signal);
      }
    }
    const storage = new Storage(new Passed(new MemoryBackend({ baseUrl: "http://127.0.0.1:1/files" })));
    await storage.put("a", "content");
    await storage.get("a");
    await storage.copy("a", "b");
    await storage.getMetadata("a");
    await storage.list();
    await storage.deleteMany(["b"]);
    await storage.delete("a");
    await storage.backend.signer();
    const upload = await storage.createUpload("a");
    await upload.writePart(1, "content");
    await upload.complete();
    await (await storage.createUpload("a")).abort();
    await storage.close();
    const verbs =
      "abortUpload completeUpload copy createUpload list read remove removeMany sign signer stat write writePart";
    expect([...passed].sort().join(" ")).toBe(verbs);
  });
});

describe("prefix", () => {
  it("shows nothing of itself in messages, with any keys that the backend names in them", async () => {
    const message = "'t/1/a' cannot be an object while 't/1/a/b' is one";
    const backend = new ScriptedBackend({ before: { code: "key_conflict", message } });
    const error = await new Storage(backend)
      .with(prefix("t/1/"))
      .exists("a")
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ key: "a", message: "'a' cannot be an object while 'a/b' is one" });
  });

  it("takes nothing else out of messages", async () => {
    const message = "'a/x' is in the way of 'banana/x', \"a/y\" is not";
    const backend = new ScriptedBackend({ before: { code: "key_conflict", message } });
    const call = new Storage(backend).with(prefix("a/")).exists("x");
    await expect(call).rejects.toMatchObject({ message: "'x' is in the way of 'banana/x', \"y\" is not" });
  });

  it("without a slash at its end shows nothing of a neighbour that begins alike", async () => {
    const storage = new Storage(new MemoryBackend());
    await storage.put("t/1/a", "own");
    await storage.put("t/10/a", "the neighbour's");
    expect(await storage.with(prefix("t/1")).listKeys()).toEqual(["a"]);
  });

  it("names no more than the caller's key when both together are too long", async () => {
    const storage = new Storage(new MemoryBackend()).with(prefix("inner/"), prefix("outer/"));
    const key = "k".repeat(1024);
    for (const call of [storage.exists(key), storage.exists(key.slice(8)), storage.list({ prefix: key })]) {
      const error = await call.catch((reason: unknown) => reason);
      expect(error).toMatchObject({
        code: "invalid_key",
        message: expect.stringMatching(/^[^/]*longer[^/]*$/),
      });
    }
  });
});

describe("signing", () => {
  it("replaces the URLs of the backend by those of its signer", async () => {
    const signer = new UrlSigner({ baseUrl: "https://files.example.com/f", secrets: ["s".repeat(32)] });
    const storage = new Storage(new MemoryBackend()).with(signing(signer));
    const url = new URL(await storage.getUrl("a/b"));
    expect(url.origin + url.pathname).toBe("https://files.example.com/f/a/b");
    expect(signer.verify("get", parseKey("a/b"), url.search.slice(1))).toBeDefined();
    expect(await storage.backend.signer()).toBe(signer);
  });
});
