import { metrics, type OperationEvent, prefix, Storage, type StorageBackend } from "svc-infra/storage";
import { sampleBytes } from "svc-infra/storage/conformance";
import { MemoryBackend } from "svc-infra/storage/memory";
import { beforeEach, describe, expect, it } from "vitest";
import { ScriptedBackend, unavailable } from "./scripted-backend.js";

let events: OperationEvent[];
let sizes: number[];
const sink = {
  operation: (event: OperationEvent) => events.push(event),
  fileSize: ({ bytes }: { bytes: number }) => sizes.push(bytes),
};
beforeEach(() => {
  events = [];
  sizes = [];
});

const measured = (backend: StorageBackend) => new Storage(backend).with(metrics(sink));
const seen = () => events.map(({ operation, status, errorType }) => [operation, status, errorType]);

describe("metrics", () => {
  it("counts every call with how it ended, and the size of what was written", async () => {
    const storage = measured(new MemoryBackend({ baseUrl: "https://files.example.com/files" }));
    await storage.put("a", "content");
    await storage.get("a");
    await expect(storage.get("missing")).rejects.toThrow();
    await storage.delete("a");
    expect(seen()).toEqual([
      ["sign", "success", undefined],
      ["write", "success", undefined],
      ["read", "success", undefined],
      ["read", "error", "not_found"],
      ["remove", "success", undefined],
    ]);
    expect(sizes).toEqual([7]);
    expect(events.every((event) => event.backend === "memory" && event.durationSeconds >= 0)).toBe(true);
  });

  it("counts a read once, when its body ends, breaks off, fails or is closed", async () => {
    const backend = new MemoryBackend();
    const storage = measured(backend);
    await new Storage(backend).put("a", sampleBytes(2_000_000));
    const opened = await storage.open("a");
    expect(seen()).toEqual([]);
    await opened.body.bytes();
    for await (const _ of (await storage.open("a")).body) break;
    await (await storage.open("a")).body.close();
    const controller = new AbortController();
    const failing = await storage.open("a", { signal: controller.signal });
    controller.abort();
    await expect(failing.body.bytes()).rejects.toThrow();
    expect(seen()).toEqual([
      ["read", "success", undefined],
      ["read", "success", undefined],
      ["read", "success", undefined],
      ["read", "error", "aborted"],
    ]);
  });

  it("counts the size of an upload in parts when it is complete", async () => {
    const upload = await measured(new MemoryBackend()).createUpload("a");
    await upload.writePart(1, "12345");
    await upload.complete();
    expect(sizes).toEqual([5]);
  });

  it("never carries a key", async () => {
    const storage = measured(new MemoryBackend()).with(prefix("tenants/secret/"));
    await storage.put("private-name", "content");
    expect(JSON.stringify(events)).not.toMatch(/private|secret/);
  });

  it("is no reason for a call to fail", async () => {
    const broken = () => {
      throw new Error("the sink is broken");
    };
    const storage = new Storage(new MemoryBackend()).with(metrics({ operation: broken, fileSize: broken }));
    await storage.put("a", "content");
    expect(Buffer.from(await storage.get("a")).toString()).toBe("content");
  });

  it("names the kind of failure", async () => {
    const storage = measured(new ScriptedBackend({ before: unavailable }));
    await expect(storage.exists("a")).rejects.toThrow();
    expect(seen()).toEqual([["stat", "error", "unavailable"]]);
  });
});
