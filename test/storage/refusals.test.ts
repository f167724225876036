import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { Storage, StorageError } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { MemoryBackend } from "svc-infra/storage/memory";
import { describe, expect, it } from "vitest";

const storageOf = (): Storage => new Storage(new MemoryBackend({ baseUrl: "http://127.0.0.1:1/files" }));

/** A value that the types forbid, as JavaScript may give it. */
function untyped<T>(value: unknown): T {
  return value as T;
}

async function* failing(error: unknown): AsyncGenerator<Uint8Array> {
  yield Buffer.from("some");
  throw error;
}

function errorWith(code: string): Error {
  return Object.assign(new Error("of the source"), { code });
}

async function causeOf(call: Promise<unknown>): Promise<unknown> {
  const error = await call.catch((reason: unknown) => reason);
  return error instanceof StorageError ? error.cause : undefined;
}

describe("what the source of the content fails with is not the backend's failure", () => {
  const backends = [
    ["memory", () => new MemoryBackend({ baseUrl: "http://127.0.0.1:1/files" })],
    [
      "local",
      () => new LocalBackend({ basePath: "/nowhere/but/never/reached", baseUrl: "http://127.0.0.1:1/files" }),
    ],
  ] as const;

  it.each(backends)("%s: a file that is missing", async (_name, create) => {
    const put = new Storage(create()).put("a", createReadStream("/missing"));
    await expect(put).rejects.toMatchObject({ code: "source_failed", statusCode: 400, key: "a" });
  });

  it.each(["ENOENT", "ENOSPC", "EACCES", undefined])("%s", async (code) => {
    const error = code === undefined ? new Error("plain") : errorWith(code);
    const put = () => storageOf().put("a", failing(error), { contentType: "a/b" });
    await expect(put()).rejects.toMatchObject({ code: "source_failed" });
    expect(await causeOf(put())).toBe(error);
  });

  it.each(["ECONNRESET", "ERR_STREAM_PREMATURE_CLOSE"])("%s: it was cut off", async (code) => {
    await expect(storageOf().put("a", failing(errorWith(code)))).rejects.toMatchObject({ code: "aborted" });
  });

  it("a stream that was destroyed: it was cut off", async () => {
    const source = new Readable({ read: () => undefined });
    source.destroy();
    await expect(storageOf().put("a", source)).rejects.toMatchObject({ code: "aborted" });
  });

  it("nor when it fails because of the signal of the call", async () => {
    const signal = AbortSignal.timeout(20);
    const source = new Readable({ read: () => undefined, signal });
    await expect(storageOf().put("a", source, { signal })).rejects.toMatchObject({ code: "timeout" });
  });

  it("an error of a storage keeps its code", async () => {
    const error = await storageOf()
      .get("missing")
      .catch((reason: unknown) => reason);
    await expect(storageOf().put("a", failing(error))).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("a source is released", () => {
  it.each([
    ["a signal that has fired", { signal: AbortSignal.abort() }, "aborted"],
    ["a limit that is no number", { maxBytes: Number.NaN }, "invalid_argument"],
  ])("when there is %s", async (_what, options, code) => {
    const source = Readable.from([Buffer.from("a")]);
    await expect(storageOf().put("a", source, options)).rejects.toMatchObject({ code });
    expect(source.destroyed).toBe(true);
  });

  it("also when it is that of a part", async () => {
    const upload = await storageOf().createUpload("a");
    const [early, wrong] = [Readable.from([Buffer.from("a")]), Readable.from([Buffer.from("a")])];
    const { signal } = { signal: AbortSignal.abort() };
    await expect(upload.writePart(1, early, { signal })).rejects.toMatchObject({ code: "aborted" });
    await expect(upload.writePart(0, wrong)).rejects.toMatchObject({ code: "invalid_argument" });
    expect([early.destroyed, wrong.destroyed]).toEqual([true, true]);
  });
});

/** A call of each kind, of the keys `object` and `other`, with further options. */
const callsWith = (storage: Storage, given: object): readonly (() => Promise<unknown>)[] => [
  () => storage.put("object", "second", given),
  () => storage.copy("other", "object", given),
  () => storage.move("other", "object", given),
  () => storage.delete("object", given),
  () => storage.deleteMany(["object"], given),
  () => storage.deletePrefix("object", given),
  () => storage.get("object", given),
  () => storage.open("object", given),
  () => storage.exists("object", given),
  () => storage.getMetadata("object", given),
  () => storage.list(given),
  () => storage.listKeys(given),
  () => storage.listAll(given).next(),
  () => storage.listAllKeys(given).next(),
  () => storage.sweep(given),
  () => storage.completeUpload("id", given),
  () => storage.abortUpload("id", given),
  () => storage.createUpload("object", given),
  () => storage.resumeUpload("object", "id").complete({ parts: [], ...given }),
];

describe("every call is refused, and the objects stay as they are,", () => {
  const late = () => AbortSignal.abort(new DOMException("the time is over", "TimeoutError"));
  it.each([
    ["whose signal has fired", { signal: AbortSignal.abort() }, { code: "aborted" }],
    ["whose time is over", { signal: late() }, { code: "timeout" }],
    [
      "with an option that it does not have",
      { ifmatch: "no such version" },
      { code: "invalid_argument", message: expect.stringContaining('has no option "ifmatch"') },
    ],
  ])("%s", async (_what, given, refusal) => {
    const storage = storageOf();
    await storage.put("object", "first");
    await storage.put("other", "other");
    for (const call of callsWith(storage, given))
      await expect(call(), String(call)).rejects.toMatchObject(refusal);
    const signing = [
      () => storage.getUrl("object", untyped({ ifmatch: "a" })),
      () => storage.getUploadUrl("object", untyped({ contentType: "text/plain", ifmatch: "a" })),
    ];
    for (const call of signing) await expect(call()).rejects.toMatchObject({ code: "invalid_argument" });
    expect(await (await storage.open("object")).body.text()).toBe("first");
    expect(await storage.listKeys()).toEqual(["object", "other"]);
  });
});

describe("a limit that is not a number of bytes is refused", () => {
  it.each([Number.NaN, -1, "10", null])("%j", async (maxBytes) => {
    const put = storageOf().put("a", "content", { maxBytes: untyped<number>(maxBytes) });
    await expect(put).rejects.toMatchObject({ code: "invalid_argument" });
    const limit = { maxBytes: untyped<number>(maxBytes) };
    expect(() => new Storage(new MemoryBackend(), limit)).toThrow(/maxBytes/);
  });
});

describe("what JavaScript gives in place of arguments is refused as a rejection", () => {
  const nothing = untyped<Record<string, never>>(null);
  const calls: readonly (readonly [string, (storage: Storage) => Promise<unknown>])[] = [
    ["put", (storage) => storage.put("k", "v", nothing)],
    ["put with metadata", (storage) => storage.put("k", "v", { metadata: nothing })],
    ["get", (storage) => storage.get("k", nothing)],
    ["open", (storage) => storage.open("k", nothing)],
    ["open a range", (storage) => storage.open("k", { range: untyped(null) })],
    ["exists", (storage) => storage.exists("k", nothing)],
    ["delete", (storage) => storage.delete("k", nothing)],
    ["deleteMany", (storage) => storage.deleteMany(untyped("x"))],
    ["deleteMany of nothing", (storage) => storage.deleteMany(untyped(undefined))],
    ["deletePrefix", (storage) => storage.deletePrefix("k", nothing)],
    ["copy", (storage) => storage.copy("k", "l", nothing)],
    ["list", (storage) => storage.list(nothing)],
    ["listKeys", (storage) => storage.listKeys(nothing)],
    ["getUrl", (storage) => storage.getUrl("k", nothing)],
    ["getUploadUrl", (storage) => storage.getUploadUrl("k", untyped(undefined))],
    ["createUpload", (storage) => storage.createUpload("k", nothing)],
    ["writePart", (storage) => storage.resumeUpload("k", "id").writePart(1, "v", nothing)],
    ["complete", (storage) => storage.resumeUpload("k", "id").complete(nothing)],
  ];

  it.each(calls)("%s", async (_name, call) => {
    await expect(call(storageOf())).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it.each([undefined, null, 7])("deletePrefix(%j)", async (path) => {
    await expect(storageOf().deletePrefix(untyped(path))).rejects.toMatchObject({ code: "invalid_key" });
  });
});

it("however many keys are deleted at once, the backend gets at most a thousand", async () => {
  const asked: number[] = [];
  class Counting extends MemoryBackend {
    override removeMany(...call: Parameters<MemoryBackend["removeMany"]>) {
      const [keys] = call;
      asked.push(keys.length);
      return Promise.resolve(keys.slice(0, 1).map((key) => ({ key, error: new Error("no") })));
    }
  }
  const keys = Array.from({ length: 2500 }, (_, index) => `key-${index}`);
  const failures = await new Storage(new Counting()).deleteMany(keys);
  expect(asked).toEqual([1000, 1000, 500]);
  expect(failures.map(({ key }) => key)).toEqual(["key-0", "key-1000", "key-2000"]);
});

describe("a condition that is no ETag or no boolean", () => {
  it.each([1n, 7, null, {}, ["a"]])("is refused by every call that takes one: %s", async (wrong) => {
    const storage = storageOf();
    await storage.put("a", "x");
    const condition = { ifMatch: untyped<string>(wrong) };
    const calls = [
      storage.put("a", "y", condition),
      storage.put("b", "y", { ifAbsent: untyped<boolean>(wrong) }),
      storage.copy("a", "b", condition),
      storage.open("a", condition),
    ];
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: "invalid_argument" });
    expect(await storage.listKeys()).toEqual(["a"]);
  });
});
