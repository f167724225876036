import assert from "node:assert/strict";
import { BufferedBody } from "../../content/body.js";
import { type Prefix, stagingRoot } from "../../contract/key.js";
import { noMetadata } from "../../contract/metadata.js";
import type { Storage } from "../../storage.js";
import { contentKey, newUploadId } from "../../uploads/staging.js";
import type { CaseContext, ConformanceCase } from "../case.js";
import { failure } from "../expect.js";

/** In the order of their bytes, which is not that of folders, of locales or of letters without case. */
const names = [
  "-a",
  "007",
  "0x10",
  "1e5",
  "A",
  "B/a",
  "_",
  "a-b",
  "a.b",
  "a/b",
  "a/b.c",
  "a/c/d",
  "a0",
  "aa",
  "b",
  "true",
];

const plainText = { contentType: "text/plain", filename: undefined, metadata: noMetadata };

async function fill({ storage, at }: Pick<CaseContext, "storage" | "at">): Promise<readonly string[]> {
  await Promise.all(names.map((name) => storage.put(at(name), name)));
  return names.map(at);
}

async function pagesOf(
  storage: Storage,
  options: Parameters<Storage["list"]>[0],
): Promise<readonly string[]> {
  const entries: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await storage.list({ ...options, cursor });
    const found = [...page.items.map(({ key }) => key), ...page.prefixes].sort();
    assert.ok(found.length <= (options?.limit ?? 100), "a page holds no more than its limit");
    entries.push(...found);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return entries;
}

const paging: readonly ConformanceCase[] = [
  {
    name: "pages of every size put together are the whole, in order and without repetition",
    async run({ storage, at, folder }) {
      const keys = await fill({ storage, at });
      for (let limit = 1; limit <= names.length + 1; limit++) {
        assert.deepEqual(await pagesOf(storage, { prefix: folder, limit }), keys, `pages of ${limit}`);
      }
    },
  },
  {
    name: "pages of every size with a delimiter put together are the whole",
    async run({ storage, at, folder }) {
      await fill({ storage, at });
      const entries = [...new Set(names.map((name) => at(name.replace(/\/.*/, "/"))))];
      for (let limit = 1; limit <= entries.length + 1; limit++) {
        const found = await pagesOf(storage, { prefix: folder, delimiter: "/", limit });
        assert.deepEqual(found, entries, `pages of ${limit}`);
      }
    },
  },
  {
    name: "the last page has no cursor, also when it is full, or the one behind it is empty",
    async run({ storage, at, folder }) {
      await storage.put(at("a"), "content");
      await storage.put(at("b"), "content");
      const { items, cursor } = await storage.list({ prefix: folder, limit: 2 });
      assert.equal(items.length, 2);
      if (cursor === undefined) return;
      const next = await storage.list({ prefix: folder, limit: 2, cursor });
      assert.deepEqual([next.items, next.prefixes, next.cursor], [[], [], undefined]);
    },
  },
  {
    name: "what is put and deleted between two pages moves nothing else",
    async run({ storage, at, folder }) {
      const keys = await fill({ storage, at });
      const first = await storage.list({ prefix: folder, limit: 6 });
      await storage.put(at("-0"), "behind us");
      await storage.put(at("0"), "behind us");
      await storage.put(at("zz"), "before us");
      await storage.delete(at("007"));
      const rest = await storage.list({ prefix: folder, limit: 100, cursor: first.cursor });
      const found = [...first.items, ...rest.items].map(({ key }) => key);
      assert.deepEqual(found, [...keys, at("zz")]);
    },
  },
  {
    name: "the next page begins behind an entry that was deleted meanwhile",
    async run({ storage, at, folder }) {
      const keys = await fill({ storage, at });
      const { items, cursor } = await storage.list({ prefix: folder, limit: 5 });
      await storage.deleteMany(items.map(({ key }) => key));
      const rest = await storage.list({ prefix: folder, cursor });
      assert.deepEqual(
        rest.items.map(({ key }) => key),
        keys.slice(5),
      );
    },
  },
  {
    name: "a cursor that the backend did not make is invalid_argument",
    async run({ storage, at, folder }) {
      await fill({ storage, at });
      for (const cursor of ["", "x", "../../etc/passwd", "%00", "9".repeat(2000), "eyJrZXkiOiJhIn0"]) {
        await failure(storage.list({ prefix: folder, cursor }), "invalid_argument");
      }
    },
  },
  {
    name: "the cursor of one prefix shows nothing outside another one",
    async run({ storage, at }) {
      await Promise.all(["p/a", "p/b", "q/a", "q/b"].map((name) => storage.put(at(name), name)));
      const { cursor } = await storage.list({ prefix: at("p/"), limit: 1 });
      const other = storage.list({ prefix: at("q/"), cursor }).catch(() => ({ items: [] }));
      assert.ok((await other).items.every(({ key }) => key.startsWith(at("q/"))));
    },
  },
];

export const listCases: readonly ConformanceCase[] = [
  {
    name: "keys are listed in the order of their bytes, with their sizes and times",
    async run({ storage, at, folder }) {
      const keys = await fill({ storage, at });
      const { items, prefixes, cursor } = await storage.list({ prefix: folder });
      assert.deepEqual(
        items.map(({ key, size }) => [key, size]),
        names.map((name, index) => [keys[index], name.length]),
      );
      assert.ok(
        items.every(({ lastModified }) => lastModified instanceof Date && !Number.isNaN(+lastModified)),
      );
      assert.deepEqual([prefixes, cursor], [[], undefined]);
    },
  },
  {
    name: "a prefix is a plain start of keys, not a folder and not a pattern",
    async run({ storage, at }) {
      await fill({ storage, at });
      const starting = async (prefix: string) => storage.listKeys({ prefix: at(prefix) });
      assert.deepEqual(await starting("a"), ["a-b", "a.b", "a/b", "a/b.c", "a/c/d", "a0", "aa"].map(at));
      assert.deepEqual(await starting("a/"), ["a/b", "a/b.c", "a/c/d"].map(at));
      assert.deepEqual(await starting("a/b"), ["a/b", "a/b.c"].map(at));
      assert.deepEqual(await starting("a."), [at("a.b")]);
      assert.deepEqual(await starting("none/"), []);
    },
  },
  {
    name: "the delimiter rolls up what lies deeper",
    async run({ storage, at }) {
      await fill({ storage, at });
      const page = await storage.list({ prefix: at("a"), delimiter: "/" });
      assert.deepEqual(
        page.items.map(({ key }) => key),
        ["a-b", "a.b", "a0", "aa"].map(at),
      );
      assert.deepEqual(page.prefixes, [at("a/")]);
      const inside = await storage.list({ prefix: at("a/"), delimiter: "/" });
      assert.deepEqual(
        [inside.items.map(({ key }) => key), inside.prefixes],
        [["a/b", "a/b.c"].map(at), [at("a/c/")]],
      );
    },
  },
  {
    name: "a folder whose last object is gone is not listed",
    async run({ storage, at, folder }) {
      await storage.put(at("gone/deep/object"), "content");
      await storage.put(at("stays"), "content");
      await storage.delete(at("gone/deep/object"));
      const page = await storage.list({ prefix: folder, delimiter: "/" });
      assert.deepEqual([page.items.map(({ key }) => key), page.prefixes], [[at("stays")], []]);
    },
  },
  {
    name: "an object is listed as soon as its write is done and gone as soon as it is deleted",
    async run({ storage, at, folder }) {
      for (let turn = 0; turn < 10; turn++) {
        await storage.put(at(`object-${turn}`), "content");
        assert.ok((await storage.listKeys({ prefix: folder })).includes(at(`object-${turn}`)));
        await storage.delete(at(`object-${turn}`));
        assert.deepEqual(await storage.listKeys({ prefix: folder }), []);
      }
    },
  },
  {
    name: "more than a thousand objects are listed page by page, and deleted at once",
    async run({ storage, at, folder }) {
      const keys = Array.from({ length: 1100 }, (_, index) => at(String(index).padStart(4, "0")));
      for (let start = 0; start < keys.length; start += 50) {
        await Promise.all(keys.slice(start, start + 50).map((key) => storage.put(key, "")));
      }
      const found: string[] = [];
      for await (const { key } of storage.listAll({ prefix: folder })) found.push(key);
      assert.deepEqual(found, keys);
      const keysAlone: string[] = [];
      for await (const key of storage.listAllKeys({ prefix: folder })) keysAlone.push(key);
      assert.deepEqual(keysAlone, keys);
      assert.equal((await storage.listKeys({ prefix: folder })).length, 100);
      assert.deepEqual(await storage.deleteMany(keys), []);
      assert.deepEqual(await storage.listKeys({ prefix: folder }), []);
    },
  },
  {
    name: "what is staged is listed below its own prefix, and below no other",
    async run({ backend, storage }) {
      const key = contentKey(newUploadId(new Date(Date.now() + 60_000)));
      const body = new BufferedBody(Buffer.from("staged"), { maxBytes: 6, size: 6, checksum: undefined });
      const signal = undefined;
      await backend.write(key, body, { ...plainText, ifAbsent: false, ifMatch: undefined, signal });
      try {
        const prefix = stagingRoot as Prefix;
        const asked = { delimiter: undefined, cursor: undefined, limit: 1000, details: true, signal };
        const { items } = await backend.list({ ...asked, prefix });
        assert.ok(items.some((item) => item.key === key));
        const isStaged = (name: string) => name.startsWith(stagingRoot);
        assert.deepEqual((await storage.listKeys({ prefix: ".s", limit: 1000 })).filter(isStaged), []);
        const { prefixes } = await storage.list({ prefix: ".s", delimiter: "/", limit: 1000 });
        assert.ok(!prefixes.some((each) => stagingRoot.startsWith(each)), prefixes.join());
      } finally {
        await backend.remove(key, { ifMatch: undefined, signal });
      }
    },
  },
  {
    name: "a limit outside 1 to 1,000 or another delimiter is invalid_argument",
    async run({ storage, folder }) {
      for (const limit of [0, -1, 1001, 1.5, Number.NaN]) {
        await failure(storage.list({ prefix: folder, limit }), "invalid_argument");
      }
    },
  },
  ...paging,
];
