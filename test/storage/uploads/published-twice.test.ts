import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { FileNotFoundError, Storage, type StorageBackend } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BufferedBody } from "#dist/storage/content/body.js";
import { descriptionOf } from "#dist/storage/contract/description.js";
import { stagingRoot } from "#dist/storage/contract/key.js";
import { bytesOf } from "#dist/storage/contract/whole-body.js";
import { receiveStaged } from "#dist/storage/uploads/receive.js";
import { kinds, makeBackend } from "../../acceptance/service.js";

const announced = { size: 5, contentType: "text/plain", metadata: { a: "1" } } as const;

async function send(backend: StorageBackend, id: string, text: string): Promise<void> {
  const source = (async function* () {
    yield Buffer.from(text);
  })();
  const { signal } = new AbortController();
  await receiveStaged(backend, `${stagingRoot}${id}/content` as never, { source, size: 5, signal });
}

type Write = StorageBackend["write"];

/** The backend, whose next write of a lease that says what was stored is another one. */
function withNextNote(backend: StorageBackend, note: (target: StorageBackend) => Write): StorageBackend {
  let isSound = false;
  return new Proxy(backend, {
    get: (target, name) => {
      const value = Reflect.get(target, name, target);
      if (name !== "write") return typeof value === "function" ? value.bind(target) : value;
      const write: Write = async (key, body, options) => {
        const isStored = !isSound && /lease$/.test(key) && (await textOf(body)).includes('"stored"');
        if (!isStored) return target.write(key, body, options);
        isSound = true;
        return note(target)(key, body, options);
      };
      return write;
    },
  });
}

function failing(backend: StorageBackend): StorageBackend {
  return withNextNote(backend, () => async () => {
    throw Object.assign(new Error("the disk is gone"), { code: "EIO" });
  });
}

/** Another completion marks the lease right before; Ceph then drops a write without a condition, and answers 200. */
function dropping(backend: StorageBackend): StorageBackend {
  return withNextNote(backend, (target) => async (key, body, options) => {
    const { stat, body: content } = await target.read(key, {
      range: undefined,
      ifMatch: undefined,
      signal: undefined,
    });
    const bytes = new TextEncoder().encode(`${Buffer.from(await bytesOf(content)).toString()} `);
    const other = new BufferedBody(bytes, { maxBytes: 10_000, size: undefined, checksum: undefined });
    const marked = await target.write(key, other, {
      ...descriptionOf(stat),
      ifAbsent: false,
      ifMatch: undefined,
      signal: undefined,
    });
    return options.ifMatch === undefined ? marked : target.write(key, body, options);
  });
}

/** The lease goes right before; S3 then answers not_found to a write with a condition. */
function losing(backend: StorageBackend): StorageBackend {
  return withNextNote(backend, (target) => async (key, body, options) => {
    await target.remove(key, { ifMatch: undefined, signal: undefined });
    if (options.ifMatch !== undefined) throw new FileNotFoundError({ message: "NoSuchKey" });
    return target.write(key, body, options);
  });
}

async function textOf(body: Parameters<StorageBackend["write"]>[1]): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body.open()) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

describe.each(kinds)("a completion that could not say what it stored, on %s", (kind) => {
  let backend: StorageBackend;
  let remove: () => Promise<void>;
  let storage: Storage;

  beforeEach(async () => {
    ({ backend, remove } = await makeBackend(kind));
    storage = new Storage(failing(backend), { policy: { types: ["text/plain"] } });
  });

  afterEach(() => remove());

  const begin = async (conditions: { ifAbsent?: true; ifMatch?: string }) => {
    const { id } = await storage.prepareUpload("a.txt", { ...announced, ...conditions });
    await send(backend, id, "hello");
    await expect(storage.completeUpload(id)).rejects.toThrow();
    return id;
  };

  it.each(["ifAbsent", "ifMatch"])("answers the object when it is repeated, with %s", async (condition) => {
    const before = condition === "ifMatch" ? await storage.put("a.txt", "older") : undefined;
    const id = await begin(before === undefined ? { ifAbsent: true } : { ifMatch: before.etag });
    const { etag } = await storage.getMetadata("a.txt");
    expect(await storage.completeUpload(id)).toMatchObject({ key: "a.txt", etag, size: 5 });
    expect((await storage.completeUpload(id)).etag).toBe(etag);
    expect(Buffer.from(await storage.get("a.txt")).toString()).toBe("hello");
  });

  it.each([
    ["other content", "HELLO", announced],
    ["another description", "hello", { contentType: "text/plain", metadata: { a: "2" } }],
  ])("is refused when the object has %s by now", async (_what, text, description) => {
    const id = await begin({ ifAbsent: true });
    await storage.put("a.txt", text, description);
    await expect(storage.completeUpload(id)).rejects.toMatchObject({ code: "precondition_failed" });
    expect(Buffer.from(await storage.get("a.txt")).toString()).toBe(text);
  });
});

it.each(kinds)("a completion is kept although %s drops a write that meets another one", async (kind) => {
  const { backend, remove } = await makeBackend(kind);
  const storage = new Storage(dropping(backend), { policy: { types: ["text/plain"] } });
  const { id } = await storage.prepareUpload("a.txt", { ...announced, ifAbsent: true });
  await send(backend, id, "hello");
  const { etag } = await storage.completeUpload(id);
  expect((await storage.completeUpload(id)).etag).toBe(etag);
  await remove();
});

it.each(kinds)("a completion is kept although its lease is gone meanwhile, on %s", async (kind) => {
  const { backend, remove } = await makeBackend(kind);
  const storage = new Storage(losing(backend), { policy: { types: ["text/plain"] } });
  const { id } = await storage.prepareUpload("a.txt", announced);
  await send(backend, id, "hello");
  const { etag } = await storage.completeUpload(id);
  expect((await storage.completeUpload(id)).etag).toBe(etag);
  await remove();
});

it("many completions at once refuse nothing, however long the copy takes", async () => {
  const { backend, remove } = await makeBackend("memory");
  let go: () => void = () => undefined;
  const isReleased = new Promise<void>((resolve) => {
    go = resolve;
  });
  const slow = new Proxy(backend, {
    get: (target, name) => {
      const value = Reflect.get(target, name, target);
      if (name !== "copy") return typeof value === "function" ? value.bind(target) : value;
      const copy: StorageBackend["copy"] = async (...given) => {
        await isReleased;
        return target.copy(...given);
      };
      return copy;
    },
  });
  const storage = new Storage(slow, { policy: { types: ["text/plain"] } });
  const { id } = await storage.prepareUpload("a.txt", { ...announced, ifAbsent: true });
  await send(backend, id, "hello");
  const said: string[] = [];
  const calls = Array.from({ length: 12 }, () =>
    storage.completeUpload(id).then(
      ({ etag }) => said.push(etag),
      ({ code }) => said.push(code),
    ),
  );
  await expect.poll(() => said.length).toBeGreaterThan(0);
  go();
  await Promise.all(calls);
  const { etag } = await storage.getMetadata("a.txt");
  expect([...new Set(said)].sort()).toEqual([etag, "unavailable"].sort());
  expect((await storage.completeUpload(id)).etag).toBe(etag);
  await remove();
});

it("a completion whose process was killed right after the copy answers the object when it is repeated", async () => {
  const basePath = await mkdtemp(join(tmpdir(), "svc-infra-killed-"));
  const baseUrl = "http://localhost/files";
  const backend = new LocalBackend({ basePath, baseUrl, durability: "fast" });
  const storage = new Storage(backend, { policy: { types: ["text/plain"] } });
  const { id } = await storage.prepareUpload("a.txt", { ...announced, ifAbsent: true });
  await send(backend, id, "hello");
  const script = resolve("test/storage/uploads/killed-completion.js");
  const killed = spawn(process.execPath, [script, basePath, id], { stdio: "inherit" });
  const [, signal] = await once(killed, "exit");
  expect(signal).toBe("SIGKILL");
  const { etag } = await storage.getMetadata("a.txt");
  expect((await storage.completeUpload(id)).etag).toBe(etag);
  await rm(basePath, { recursive: true, force: true });
});
