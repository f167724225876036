import assert from "node:assert/strict";
import type { ConformanceCase } from "../case.js";
import { failure, sameBytes } from "../expect.js";
import { oddPieces, sampleBytes } from "../samples.js";

export const readCases: readonly ConformanceCase[] = [
  {
    name: "a missing object is not_found to every reader, and exists says no",
    async run({ storage, at }) {
      await failure(storage.get(at("missing")), "not_found");
      await failure(storage.open(at("missing")), "not_found");
      await failure(storage.getMetadata(at("missing")), "not_found");
      assert.equal(await storage.exists(at("missing")), false);
    },
  },
  {
    name: "a folder of objects is not an object",
    async run({ storage, at }) {
      await storage.put(at("folder/object"), "inside");
      await failure(storage.get(at("folder")), "not_found");
      assert.equal(await storage.exists(at("folder")), false);
      assert.equal(await storage.delete(at("folder")), false);
      assert.equal(await storage.exists(at("folder/object")), true);
    },
  },
  {
    name: "open, getMetadata and put tell the same of an object",
    async run({ storage, at }) {
      const options = { contentType: "image/png", filename: "图.png", metadata: { a: "1", b: "zwei" } };
      const { url, ...put } = await storage.put(at("object"), sampleBytes(3000), options);
      const { start, end, body, ...opened } = await storage.open(at("object"));
      await body.close();
      assert.deepEqual(opened, put);
      assert.deepEqual(await storage.getMetadata(at("object")), put);
      assert.deepEqual([start, end], [0, 3000]);
      assert.equal(put.key, at("object"));
    },
  },
  {
    name: "a reader keeps the version it opened while the object is replaced",
    readsOldVersion: true,
    async run({ storage, at }) {
      const old = sampleBytes(3_000_000, 1);
      await storage.put(at("object"), oddPieces(old));
      const { body } = await storage.open(at("object"));
      await storage.put(at("object"), sampleBytes(3_000_000, 2));
      sameBytes(await body.bytes(), old);
    },
  },
  {
    name: "a reader keeps the version it opened while the object is deleted",
    readsOldVersion: true,
    async run({ storage, at }) {
      const old = sampleBytes(3_000_000);
      await storage.put(at("object"), oddPieces(old));
      const { body } = await storage.open(at("object"));
      assert.equal(await storage.delete(at("object")), true);
      sameBytes(await body.bytes(), old);
    },
  },
  {
    name: "readers at once each get all of it",
    async run({ storage, at }) {
      const bytes = sampleBytes(1_500_000);
      await storage.put(at("object"), bytes);
      const reads = Array.from({ length: 10 }, () => storage.get(at("object")));
      for (const read of await Promise.all(reads)) sameBytes(read, bytes);
    },
  },
  {
    name: "a body that is not read can be closed, more than once",
    async run({ storage, at }) {
      await storage.put(at("object"), sampleBytes(2_000_000));
      const { body } = await storage.open(at("object"));
      await body.close();
      await body.close();
      assert.equal(await storage.delete(at("object")), true);
    },
  },
  {
    name: "reading may end early, and the object can be read again",
    async run({ storage, at }) {
      const bytes = sampleBytes(2_000_000);
      await storage.put(at("object"), bytes);
      for await (const piece of (await storage.open(at("object"))).body) {
        assert.ok(piece.byteLength > 0);
        break;
      }
      sameBytes(await storage.get(at("object")), bytes);
    },
  },
  {
    name: "ifMatch reads only that version",
    async run({ storage, at }) {
      const { etag } = await storage.put(at("object"), "first");
      const opened = await storage.open(at("object"), { ifMatch: etag });
      assert.equal(await opened.body.text(), "first");
      await storage.put(at("object"), "second");
      await failure(storage.open(at("object"), { ifMatch: etag }), "precondition_failed");
      await failure(storage.open(at("missing"), { ifMatch: etag }), "not_found", "precondition_failed");
    },
  },
];
