import { channel, tracingChannel } from "node:diagnostics_channel";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chaos, retry, Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterEach, describe, expect, it } from "vitest";

const operations = tracingChannel("svc-infra:storage:operation");
const attempts = tracingChannel("svc-infra:storage:attempt");
const bodies = channel("svc-infra:storage:body");

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** What a tracing channel tells at the end of each piece of work. */
function ends(of: typeof operations): Record<string, unknown>[] {
  const seen: Record<string, unknown>[] = [];
  const subscriber = (facts: unknown) => void seen.push({ ...Object(facts) });
  of.asyncEnd.subscribe(subscriber);
  stops.push(() => of.asyncEnd.unsubscribe(subscriber));
  return seen;
}

describe("the channel of operations", () => {
  it("tells each call with its key and its result", async () => {
    const seen = ends(operations);
    const storage = new Storage(new MemoryBackend());
    await storage.put("a.txt", "hello");
    await storage.get("a.txt");
    await storage.delete("a.txt");
    expect(seen).toMatchObject([
      { backend: "memory", operation: "put", key: "a.txt", result: { size: 5 } },
      { backend: "memory", operation: "get", key: "a.txt" },
      { backend: "memory", operation: "delete", key: "a.txt", result: true },
    ]);
  });

  it("tells the key as the caller of a tenant's storage gave it", async () => {
    const seen = ends(operations);
    await new Storage(new MemoryBackend()).forTenant("acme").put("a.txt", "hello");
    expect(seen).toMatchObject([{ key: "a.txt" }]);
  });

  it("tells the error that the caller gets, also of a call that is refused", async () => {
    const seen = ends(operations);
    const storage = new Storage(new MemoryBackend());
    await storage.get("missing").catch(() => undefined);
    await storage.put("../up", "hello").catch(() => undefined);
    expect(seen).toMatchObject([
      { operation: "get", error: { code: "not_found" } },
      { operation: "put", error: { code: "invalid_key" } },
    ]);
  });

  it("tells parts, completion and abort of an upload", async () => {
    const seen = ends(operations);
    const upload = await new Storage(new MemoryBackend()).createUpload("big.bin");
    await upload.writePart(1, "hello");
    await upload.complete();
    expect(seen.map(({ operation }) => operation)).toEqual(["multipart", "multipart", "multipart"]);
    expect(seen.at(-1)).toMatchObject({ result: { size: 5 } });
  });
});

it("the channel of attempts tells each try with its number", async () => {
  const seen = ends(attempts);
  const broken = chaos({ every: 1, kinds: ["before"] });
  const storage = new Storage(new MemoryBackend()).with(retry({ attempts: 3, baseDelayMs: 1 }), broken);
  await storage.exists("a.txt").catch(() => undefined);
  expect(seen.map(({ verb, attempt, error }) => [verb, attempt, error !== undefined])).toEqual([
    ["stat", 1, true],
    ["stat", 2, true],
    ["stat", 3, true],
  ]);
});

it("the channel of bodies tells when one is opened and when it is closed, once", async () => {
  const seen: unknown[] = [];
  const subscriber = (facts: unknown) => void seen.push(facts);
  bodies.subscribe(subscriber);
  stops.push(() => bodies.unsubscribe(subscriber));
  const basePath = await mkdtemp(join(tmpdir(), "svc-infra-channels-"));
  await using storage = new Storage(new LocalBackend({ basePath, durability: "fast" }));
  stops.push(() => rmSync(basePath, { recursive: true, force: true }));
  await storage.put("a.bin", new Uint8Array(3_000_000));
  const { body } = await storage.open("a.bin");
  await body.bytes();
  await body.close();
  expect(seen).toEqual([
    { backend: "local", isOpen: true },
    { backend: "local", isOpen: false },
  ]);
});
