import assert from "node:assert/strict";
import { Readable } from "node:stream";
import type { CallOptions, StorageBackend } from "../../contract/backend.js";
import { type Key, parseKey, parsePrefix } from "../../contract/key.js";
import type { ConformanceCase } from "../case.js";
import { failure, sameBytes } from "../expect.js";
import { sampleBytes } from "../samples.js";

type Abortable = readonly [
  name: string,
  run: (backend: StorageBackend, key: Key, options: CallOptions) => Promise<unknown>,
];

const unconditional = { ifAbsent: false, ifMatch: undefined } as const;
const asked = { delimiter: undefined, cursor: undefined, limit: 10, details: false };

/** What every backend has to do; `Storage` would refuse the call before it. */
const abortables: readonly Abortable[] = [
  ["stat", (backend, key, options) => backend.stat(key, options)],
  [
    "read",
    (backend, key, options) => backend.read(key, { range: undefined, ifMatch: undefined, ...options }),
  ],
  [
    "copy",
    (backend, key, options) =>
      backend.copy(key, `${key}-copy` as Key, { sourceIfMatch: undefined, ...unconditional, ...options }),
  ],
  ["remove", (backend, key, options) => backend.remove(key, { ifMatch: undefined, ...options })],
  ["removeMany", (backend, key, options) => backend.removeMany([key], options)],
  ["list", (backend, key, options) => backend.list({ prefix: parsePrefix(key), ...asked, ...options })],
];

/** A source that gives so many bytes and then nothing any more. */
function hanging(bytes = 200_000): Readable {
  const source = new Readable({ read: () => undefined });
  if (bytes > 0) source.push(sampleBytes(bytes));
  return source;
}

/** A source that gives nothing, and that cannot even be told to stop. */
async function* silent(): AsyncGenerator<Uint8Array> {
  await new Promise(() => undefined);
}

/** `AbortSignal.timeout` lets a process end that waits for nothing else, and some runners are such processes. */
function timeoutSignal(ms: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new DOMException("the time is over", "TimeoutError")), ms);
  return controller.signal;
}

export const abortCases: readonly ConformanceCase[] = [
  {
    name: "a call whose signal has fired already is rejected by the backend, and does nothing",
    async run({ backend, storage, at, folder }) {
      await storage.put(at("object"), "old");
      for (const [name, run] of abortables) {
        const call = run(backend, parseKey(at("object")), { signal: AbortSignal.abort() });
        await assert.rejects(call, name);
      }
      assert.deepEqual(await storage.listKeys({ prefix: folder }), [at("object")]);
    },
  },
  {
    name: "a signal that fires during a call leaves either all of it or nothing",
    async run({ storage, at }) {
      const contents = [sampleBytes(300_000, 1), sampleBytes(300_000, 2)] as const;
      await storage.put(at("object"), contents[0]);
      for (let turn = 0; turn < 20; turn++) {
        const controller = new AbortController();
        const write = storage.put(at("object"), contents[turn % 2] ?? "", { signal: controller.signal });
        setImmediate(() => controller.abort());
        await write.catch(() => undefined);
        const now = await storage.get(at("object"));
        sameBytes(now, now[0] === contents[0][0] ? contents[0] : contents[1]);
      }
    },
  },
  {
    name: "a write whose source hangs is aborted at once and leaves the old object and nothing else",
    async run({ storage, at, folder }) {
      await storage.put(at("old"), "old");
      const attempts = ["old", "new"].flatMap((name) => [0, 1, 200_000].map((bytes) => ({ name, bytes })));
      for (const { name, bytes } of attempts) {
        const controller = new AbortController();
        const source = hanging(bytes);
        const write = storage.put(at(name), source, { signal: controller.signal });
        setTimeout(() => controller.abort(), 50);
        await failure(write, "aborted");
        assert.equal(source.destroyed, true, "the source is destroyed");
      }
      assert.deepEqual(await storage.listKeys({ prefix: folder }), [at("old")]);
      assert.equal(await (await storage.open(at("old"))).body.text(), "old");
    },
  },
  {
    name: "a write whose source hangs is a timeout when its signal is one",
    async run({ storage, at }) {
      for (const source of [hanging(), silent()]) {
        const write = storage.put(at("object"), source, { signal: timeoutSignal(50) });
        await failure(write, "timeout");
      }
      assert.equal(await storage.exists(at("object")), false);
    },
  },
  {
    name: "a part whose source hangs is aborted at once",
    needs: ["multipart"],
    async run({ storage, at }) {
      const upload = await storage.createUpload(at("object"));
      await failure(upload.writePart(1, hanging(), { signal: timeoutSignal(50) }), "timeout");
      await failure(upload.writePart(1, "content", { signal: AbortSignal.abort() }), "aborted");
      await upload.writePart(1, "content");
      await failure(upload.complete({ signal: AbortSignal.abort() }), "aborted");
      await upload.complete();
      assert.equal(await (await storage.open(at("object"))).body.text(), "content");
    },
  },
  {
    name: "a body ends with aborted when the signal fires between two pieces",
    async run({ storage, at }) {
      await storage.put(at("object"), sampleBytes(4_000_000));
      const controller = new AbortController();
      const { body } = await storage.open(at("object"), { signal: controller.signal });
      let pieces = 0;
      const reading = (async () => {
        for await (const _ of body) {
          pieces += 1;
          controller.abort();
        }
      })();
      // A body may be one piece, behind which nothing is left to abort.
      const [ended] = await Promise.allSettled([reading]);
      if (ended.status === "fulfilled" && pieces === 1) return;
      await failure(reading, "aborted");
    },
  },
];
