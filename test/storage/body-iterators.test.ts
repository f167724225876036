import { mkdtempSync, rmSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fastify from "fastify";
import { addStorage } from "svc-infra";
import { metrics, retry, Storage, timeout } from "svc-infra/storage";

import { LocalBackend } from "svc-infra/storage/local";
import { MemoryBackend } from "svc-infra/storage/memory";
import { expect, it, onTestFinished } from "vitest";
import { takePiece } from "#dist/storage/contract/piece-pool.js";

const large = Buffer.alloc(3_000_000, "0123456789");
const sink = { operation: () => undefined, fileSize: () => undefined };

/** The prototype of every async generator: each iterator around a body that is one calls its `next`. */
const generators: { next: (...given: unknown[]) => unknown } = Object.getPrototypeOf(
  Object.getPrototypeOf((async function* () {})()),
);

/** How many async generators hand the bytes on while the work runs. */
async function iteratorsOf(work: () => Promise<unknown>): Promise<number> {
  const { next } = generators;
  const seen = new Set<unknown>();
  generators.next = function (this: unknown, ...given: unknown[]) {
    seen.add(this);
    return Reflect.apply(next, this, given);
  };
  try {
    await work();
    return seen.size;
  } finally {
    generators.next = next;
  }
}

function layered(backend: MemoryBackend | LocalBackend): Storage {
  return new Storage(backend).with(metrics(sink), retry(), timeout(30_000));
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "iterators-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

it.each([
  ["memory", () => new MemoryBackend()],
  ["local", () => new LocalBackend({ basePath: folder() })],
] as const)("a large body of %s leaves under all layers through at most three iterators", async (_, make) => {
  const storage = layered(make());
  onTestFinished(() => storage.close());
  const tenant = storage.forTenant("acme");
  await tenant.put("large", large);
  const read = async () => {
    for await (const piece of (await tenant.open("large")).body) expect(piece.byteLength).toBeGreaterThan(0);
  };
  const iterators = await iteratorsOf(read);
  expect(iterators).toBeGreaterThan(0);
  expect(iterators).toBeLessThanOrEqual(3);
});

it("and over HTTP, too", async () => {
  const app = fastify();
  const storage = await addStorage(app, layered(new LocalBackend({ basePath: folder() })), {
    authorize: "open",
  });
  await storage.put("large", large);
  const address = await app.listen({ port: 0, host: "127.0.0.1" });
  onTestFinished(() => app.close());
  let bytes = 0;
  const download = () =>
    new Promise<void>((resolve, reject) => {
      get(`${address}/_storage/download/large`, (answer) => {
        answer.on("data", (piece: Buffer) => {
          bytes += piece.byteLength;
        });
        answer.on("end", resolve);
      }).on("error", reject);
    });
  expect(await iteratorsOf(download)).toBeLessThanOrEqual(3);
  expect(bytes).toBe(large.length);
  expect(large.includes(Buffer.from(takePiece().subarray(0, 1000))), "the socket gives its pieces back").toBe(
    true,
  );
});
