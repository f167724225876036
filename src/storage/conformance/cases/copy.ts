import assert from "node:assert/strict";
import { descriptionOf } from "../../contract/description.js";
import { parseKey } from "../../contract/key.js";
import type { ConformanceCase } from "../case.js";
import { failure, sameBytes } from "../expect.js";
import { awkwardTexts, sampleBytes } from "../samples.js";

const description = {
  contentType: "image/webp",
  filename: awkwardTexts[0],
  metadata: { author: "Zoë", number: "1" },
};

const conditions: readonly ConformanceCase[] = [
  {
    name: "a copy with ifAbsent never replaces an object",
    needs: ["ifAbsent"],
    async run({ storage, at }) {
      await storage.put(at("from"), "new");
      await storage.put(at("taken"), "old");
      await failure(storage.copy(at("from"), at("taken"), { ifAbsent: true }), "precondition_failed");
      assert.equal(await (await storage.open(at("taken"))).body.text(), "old");
      await storage.copy(at("from"), at("free"), { ifAbsent: true });
      assert.equal(await (await storage.open(at("free"))).body.text(), "new");
    },
  },
  {
    name: "a copy with ifMatch replaces only that version",
    needs: ["ifMatch"],
    async run({ storage, at }) {
      await storage.put(at("from"), "new");
      const { etag } = await storage.put(at("to"), "first");
      await storage.put(at("to"), "second");
      await failure(storage.copy(at("from"), at("to"), { ifMatch: etag }), "precondition_failed");
      const second = await storage.getMetadata(at("to"));
      await storage.copy(at("from"), at("to"), { ifMatch: second.etag });
      assert.equal(await (await storage.open(at("to"))).body.text(), "new");
    },
  },
  {
    name: "a move whose condition fails leaves both objects",
    needs: ["ifAbsent"],
    async run({ storage, at }) {
      await storage.put(at("from"), "new");
      await storage.put(at("to"), "old");
      await failure(storage.move(at("from"), at("to"), { ifAbsent: true }), "precondition_failed");
      assert.equal(await (await storage.open(at("from"))).body.text(), "new");
      assert.equal(await (await storage.open(at("to"))).body.text(), "old");
    },
  },
];

const versions: readonly ConformanceCase[] = [
  {
    name: "a copy with sourceIfMatch copies only that version",
    async run({ storage, at }) {
      const { etag } = await storage.put(at("from"), "first");
      await storage.put(at("from"), "second");
      await failure(storage.copy(at("from"), at("to"), { sourceIfMatch: etag }), "precondition_failed");
      assert.equal(await storage.exists(at("to")), false);
      const second = await storage.getMetadata(at("from"));
      await storage.copy(at("from"), at("to"), { sourceIfMatch: second.etag });
      assert.equal(await (await storage.open(at("to"))).body.text(), "second");
    },
  },
  {
    name: "a copy with sourceIfMatch is of that version or not at all, also when it races with a put",
    needs: ["conditionalCopySource"],
    async run({ storage, at, races }) {
      for (let race = 0; race < races; race++) {
        const [from, to] = [at(`from-${race % 8}`), at(`to-${race % 8}`)];
        const { etag } = await storage.put(from, "checked");
        const copying = storage.copy(from, to, { sourceIfMatch: etag });
        const [copied] = await Promise.allSettled([copying, storage.put(from, "replaced")]);
        if (copied.status === "rejected") await failure(copying, "precondition_failed");
        const isThere = await storage.exists(to);
        assert.equal(isThere, copied.status === "fulfilled", `race ${race}`);
        if (isThere) assert.equal(await (await storage.open(to)).body.text(), "checked", `race ${race}`);
        await storage.delete(to);
      }
    },
  },
  {
    name: "a move never deletes a put that it races with",
    needs: ["conditionalRemove"],
    async run({ storage, at, races }) {
      for (let race = 0; race < races; race++) {
        const [from, to] = [at(`from-${race % 8}`), at(`to-${race % 8}`)];
        await storage.put(from, `old ${race}`);
        const put = storage.put(from, `new ${race}`);
        await Promise.all([storage.move(from, to), put]);
        const { etag } = await put;
        const isThere = (await storage.getMetadata(from).catch(() => undefined))?.etag === etag;
        const moved = await (await storage.open(to)).body.text();
        assert.ok(isThere || moved === `new ${race}`, `race ${race}: the put was lost`);
        await storage.delete(from);
      }
    },
  },
];

export const copyCases: readonly ConformanceCase[] = [
  {
    name: "a copy has the content and the whole description, and an ETag of its own",
    async run({ storage, at }) {
      const bytes = sampleBytes(200_000);
      const source = await storage.put(at("from"), bytes, description);
      const copied = await storage.copy(at("from"), at("to"));
      const stat = await storage.getMetadata(at("to"));
      assert.deepEqual(
        [stat.contentType, stat.filename, { ...stat.metadata }, stat.size, stat.checksum],
        [description.contentType, description.filename, description.metadata, 200_000, source.checksum],
      );
      assert.equal(copied.etag, stat.etag);
      assert.notEqual(copied.etag, source.etag);
      assert.equal(copied.key, at("to"));
      sameBytes(await storage.get(at("to")), bytes);
      sameBytes(await storage.get(at("from")), bytes);
    },
  },
  {
    name: "a copy that is given a description has that one, and nothing of the one of its source",
    async run({ backend, storage, at }) {
      const bytes = sampleBytes(200_000);
      await storage.put(at("from"), bytes, { ...description, cacheControl: "no-store" });
      const other = descriptionOf({
        contentType: "text/plain",
        filename: undefined,
        metadata: { other: "yes" },
        contentLanguage: "de",
      });
      const conditions = { sourceIfMatch: undefined, ifAbsent: false, ifMatch: undefined };
      const options = { ...conditions, description: other, signal: undefined };
      const copied = await backend.copy(parseKey(at("from")), parseKey(at("to")), options);
      for (const told of [copied, await storage.getMetadata(at("to"))]) {
        assert.deepEqual(descriptionOf({ ...told, metadata: { ...told.metadata } }), other);
      }
      sameBytes(await storage.get(at("to")), bytes);
    },
  },
  {
    name: "a copy replaces what was at its target, and the two are apart from then on",
    async run({ storage, at }) {
      await storage.put(at("from"), "source");
      await storage.put(at("to"), sampleBytes(10_000));
      await storage.copy(at("from"), at("to"));
      await storage.put(at("from"), "changed");
      assert.equal(await (await storage.open(at("to"))).body.text(), "source");
      await storage.delete(at("from"));
      assert.equal(await (await storage.open(at("to"))).body.text(), "source");
    },
  },
  {
    name: "a move has everything at its target and nothing at its source",
    async run({ storage, at }) {
      await storage.put(at("from"), "content", description);
      await storage.move(at("from"), at("folder/to"));
      assert.equal(await storage.exists(at("from")), false);
      const { contentType, filename, metadata } = await storage.getMetadata(at("folder/to"));
      assert.deepEqual({ contentType, filename, metadata: { ...metadata } }, description);
    },
  },
  {
    name: "copying or moving what is not there is not_found and leaves the target",
    async run({ storage, at }) {
      await storage.put(at("to"), "old");
      await failure(storage.copy(at("missing"), at("to")), "not_found");
      await failure(storage.move(at("missing"), at("to")), "not_found");
      assert.equal(await (await storage.open(at("to"))).body.text(), "old");
    },
  },
  {
    name: "copying or moving an object onto itself is invalid_argument and loses nothing",
    async run({ storage, at }) {
      await storage.put(at("object"), "content");
      await failure(storage.copy(at("object"), at("object")), "invalid_argument");
      await failure(storage.move(at("object"), at("object")), "invalid_argument");
      assert.equal(await storage.exists(at("object")), true);
    },
  },
  ...conditions,
  ...versions,
];
