import assert from "node:assert/strict";
import type { ConformanceCase } from "../case.js";
import { failure } from "../expect.js";

const conditional: readonly ConformanceCase[] = [
  {
    name: "delete with ifMatch deletes only that version",
    needs: ["conditionalRemove"],
    async run({ storage, at }) {
      const first = await storage.put(at("object"), "first");
      const second = await storage.put(at("object"), "second");
      await failure(storage.delete(at("object"), { ifMatch: first.etag }), "precondition_failed");
      await failure(storage.delete(at("object"), { ifMatch: "no such version" }), "precondition_failed");
      assert.equal((await storage.getMetadata(at("object"))).etag, second.etag);
      assert.equal(await storage.delete(at("object"), { ifMatch: second.etag }), true);
      assert.equal(await storage.delete(at("object"), { ifMatch: second.etag }), false);
      assert.equal(await storage.exists(at("object")), false);
    },
  },
  {
    name: "a delete with ifMatch never deletes a put that it races with",
    needs: ["conditionalRemove"],
    async run({ storage, at, races }) {
      for (let race = 0; race < races; race++) {
        const key = at(`object-${race % 8}`);
        const { etag } = await storage.put(key, "old");
        const deletion = storage.delete(key, { ifMatch: etag }).catch((error: unknown) => error);
        const [put] = await Promise.all([storage.put(key, "new"), deletion]);
        assert.equal((await storage.getMetadata(key)).etag, put.etag, `race ${race}`);
      }
    },
  },
];

export const removeCases: readonly ConformanceCase[] = [
  {
    name: "delete says whether there was an object, and the second time there was none",
    async run({ storage, at }) {
      await storage.put(at("object"), "content");
      assert.equal(await storage.delete(at("object")), true);
      assert.equal(await storage.delete(at("object")), false);
      assert.equal(await storage.exists(at("object")), false);
    },
  },
  {
    name: "deleting what is not there is no error",
    async run({ storage, at }) {
      assert.equal(await storage.delete(at("missing")), false);
      assert.equal(await storage.delete(at("missing/deeper")), false);
    },
  },
  {
    name: "of many who delete one object exactly one is told that it was there",
    needs: ["exactDelete"],
    async run({ storage, at }) {
      await storage.put(at("object"), "content");
      const answers = await Promise.all(Array.from({ length: 20 }, () => storage.delete(at("object"))));
      assert.equal(answers.filter(Boolean).length, 1);
    },
  },
  {
    name: "delete takes that one object and no other",
    async run({ storage, at, folder }) {
      const names = ["a", "a.b", "a-b", "ab", "b/a", "b/a.b"];
      await Promise.all(names.map((name) => storage.put(at(name), name)));
      await storage.delete(at("a"));
      await storage.delete(at("b/a"));
      const left = ["a-b", "a.b", "ab", "b/a.b"].map(at);
      assert.deepEqual(await storage.listKeys({ prefix: folder }), left);
    },
  },
  {
    name: "an object can be put again after it was deleted, with nothing left of the old one",
    async run({ storage, at }) {
      await storage.put(at("object"), "old", { metadata: { old: "yes" }, filename: "old.txt" });
      await storage.delete(at("object"));
      await storage.put(at("object"), "new");
      const { metadata, filename } = await storage.getMetadata(at("object"));
      assert.deepEqual([{ ...metadata }, filename], [{}, undefined]);
    },
  },
  {
    name: "deleteMany deletes all of them, and missing ones count as deleted",
    async run({ storage, at, folder }) {
      const keys = Array.from({ length: 30 }, (_, index) => at(`many/${index}`));
      await Promise.all(keys.map((key) => storage.put(key, "content")));
      await storage.put(at("stays"), "content");
      assert.deepEqual(await storage.deleteMany([...keys, at("missing"), at("many/0")]), []);
      assert.deepEqual(await storage.listKeys({ prefix: folder }), [at("stays")]);
      assert.deepEqual(await storage.deleteMany([]), []);
    },
  },
  {
    name: "deletePrefix stops at the path boundary: t/1 never touches t/10",
    async run({ storage, at, folder }) {
      const keys = ["t/1/a", "t/1/b/c", "t/10/a", "t/1.a", "t/1-a", "t/2"].map(at);
      await Promise.all(keys.map((key) => storage.put(key, "content")));
      assert.equal(await storage.deletePrefix(at("t/1")), 2);
      assert.deepEqual(
        await storage.listKeys({ prefix: folder }),
        ["t/1-a", "t/1.a", "t/10/a", "t/2"].map(at),
      );
      assert.equal(await storage.deletePrefix(at("t/10/")), 1);
      assert.equal(await storage.deletePrefix(at("t/none")), 0);
    },
  },
  {
    name: "deletePrefix refuses the empty path and the root",
    async run({ storage, at }) {
      await storage.put(at("stays"), "content");
      await failure(storage.deletePrefix(""), "invalid_key");
      await failure(storage.deletePrefix("/"), "invalid_key");
      assert.equal(await storage.exists(at("stays")), true);
    },
  },
  ...conditional,
];
