import { Storage } from "svc-infra/storage";
import { S3Backend } from "svc-infra/storage/s3";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startCeph } from "../rigs/ceph.js";
import { s3Options } from "../rigs/s3-options.js";
import type { S3Rig } from "../rigs/s3-rig.js";
import { outcomeOf, textOf } from "../storage/local/fresh-store.js";

const mebibyte = 1024 * 1024;
let rig: S3Rig;
/** As if there were two servers: each with connections of its own. */
let storages: readonly [Storage, Storage];

beforeAll(async () => {
  rig = await startCeph();
  storages = [new Storage(new S3Backend(s3Options(rig))), new Storage(new S3Backend(s3Options(rig)))];
});
afterAll(async () => {
  for (const storage of storages ?? []) await storage.close();
  await rig?.stop();
});

const storageOf = (index: number) => storages[index % 2 === 0 ? 0 : 1];

/** All write the key at once; who won. */
async function race(
  count: number,
  write: (storage: Storage, index: number) => Promise<unknown>,
): Promise<number[]> {
  const writers = Array.from({ length: count }, (_, index) => outcomeOf(write(storageOf(index), index)));
  const outcomes = await Promise.all(writers);
  expect(outcomes.filter((outcome) => outcome === "precondition_failed")).toHaveLength(count - 1);
  return [...outcomes.keys()].filter((index) => outcomes[index] === "done");
}

it("of 100 that create one key exactly one wins, and it is what is read", async () => {
  for (let round = 0; round < 5; round++) {
    const key = `created-${round}`;
    const winners = await race(100, (storage, index) => storage.put(key, `${index}`, { ifAbsent: true }));
    expect(winners).toHaveLength(1);
    expect(await textOf(storages[0].get(key))).toBe(String(winners[0]));
  }
});

it("of 20 that create one key with content larger than a part exactly one wins, and it is whole", async () => {
  const size = 9 * mebibyte;
  const winners = await race(20, (storage, index) =>
    storage.put("large", piecesOf(size, index), { ifAbsent: true, size }),
  );
  expect(winners).toHaveLength(1);
  const content = await storages[0].get("large");
  expect(Buffer.compare(content, Buffer.alloc(size, winners[0]))).toBe(0);
});

it("of 100 that replace one version exactly one wins, and it is what is read", async () => {
  for (let round = 0; round < 10; round++) {
    const key = `replaced-${round}`;
    const { etag } = await storages[0].put(key, "old");
    const winners = await race(100, (storage, index) => storage.put(key, `${index}`, { ifMatch: etag }));
    expect(winners).toHaveLength(1);
    expect(await textOf(storages[0].get(key))).toBe(String(winners[0]));
  }
});

it("ten that count by compare-and-swap lose no step", async () => {
  await storages[0].put("counter", "0");
  const steps = async (storage: Storage) => {
    for (let done = 0; done < 5; ) {
      const { etag, body } = await storage.open("counter");
      const next = String(Number(await body.text()) + 1);
      if ((await outcomeOf(storage.put("counter", next, { ifMatch: etag }))) === "done") done++;
    }
  };
  await Promise.all(Array.from({ length: 10 }, (_, index) => steps(storageOf(index))));
  expect(await textOf(storages[0].get("counter"))).toBe("50");
});

/** The bytes of one writer, in pieces that others cannot be taken for. */
async function* piecesOf(size: number, writer: number): AsyncGenerator<Buffer> {
  for (let sent = 0; sent < size; sent += mebibyte) yield Buffer.alloc(mebibyte, writer);
}
