import assert from "node:assert/strict";
import type { UnfinishedUpload } from "../../contract/backend.js";
import { checksumOf } from "../../contract/checksum.js";
import { parseKey } from "../../contract/key.js";
import { noMetadata } from "../../contract/metadata.js";
import type { ConformanceCase } from "../case.js";
import { failure, sameBytes } from "../expect.js";
import { awkwardTexts, failingAfter, oddPieces, sampleBytes } from "../samples.js";

const partBytes = (least: number) => Math.max(least, 100_003);

const rules: readonly Omit<ConformanceCase, "needs">[] = [
  {
    name: "parts written in any order become one object in the order of their numbers",
    async run({ storage, at }) {
      const size = partBytes(storage.capabilities.minPartBytes);
      const bytes = sampleBytes(size * 2 + 17);
      const upload = await storage.createUpload(at("object"));
      await upload.writePart(30, bytes.subarray(size * 2));
      await upload.writePart(2, oddPieces(bytes.subarray(size, size * 2)));
      await upload.writePart(1, bytes.subarray(0, size));
      const stat = await upload.complete();
      assert.equal(stat.size, bytes.byteLength);
      sameBytes(await storage.get(at("object")), bytes);
    },
  },
  {
    name: "an upload has its description, and the checksum of the whole where one is kept",
    async run({ storage, at }) {
      const description = { contentType: "video/mp4", filename: awkwardTexts[1], metadata: { a: "1" } };
      const upload = await storage.createUpload(at("object"), description);
      await upload.writePart(1, "content");
      await upload.complete();
      const { contentType, filename, metadata, checksum } = await storage.getMetadata(at("object"));
      assert.deepEqual({ contentType, filename, metadata: { ...metadata } }, description);
      if (checksum !== undefined) assert.equal(checksum, checksumOf(Buffer.from("content")));
    },
  },
  {
    name: "nothing of an upload is visible before it is complete",
    async run({ storage, at, folder }) {
      await storage.put(at("old"), "old");
      const [fresh, replacing] = await Promise.all([
        storage.createUpload(at("new")),
        storage.createUpload(at("old")),
      ]);
      await fresh.writePart(1, sampleBytes(1000));
      await replacing.writePart(1, "new");
      assert.equal(await storage.exists(at("new")), false);
      assert.deepEqual(await storage.listKeys({ prefix: folder }), [at("old")]);
      assert.equal(await (await storage.open(at("old"))).body.text(), "old");
      await Promise.all([fresh.complete(), replacing.complete()]);
      assert.equal(await (await storage.open(at("old"))).body.text(), "new");
      assert.deepEqual(await storage.listKeys({ prefix: folder }), [at("new"), at("old")]);
    },
  },
  {
    name: "an upload is told as unfinished from its beginning until it is aborted",
    async run({ backend, at }) {
      const key = parseKey(at("object"));
      const signal = undefined;
      const description = { contentType: "text/plain", filename: undefined, metadata: noMetadata };
      await backend.createUpload(key, { ...description, signal });
      const begun = async () => {
        const found: UnfinishedUpload[] = [];
        for await (const each of backend.unfinished({ dryRun: true, signal })) {
          if (each.key === key) found.push(each);
        }
        return found;
      };
      const [upload, ...more] = await begun();
      assert.ok(upload !== undefined && more.length === 0, "it is told once");
      const { uploadId, begunAt } = upload;
      assert.ok(Math.abs(begunAt.getTime() - Date.now()) < 300_000, begunAt.toISOString());
      await backend.abortUpload(key, uploadId, { signal });
      assert.deepEqual(await begun(), []);
    },
  },
  {
    name: "a part written again replaces the first one",
    async run({ storage, at }) {
      const upload = await storage.createUpload(at("object"));
      await upload.writePart(1, "first try, longer");
      await upload.writePart(1, "second");
      await upload.complete();
      assert.equal(await (await storage.open(at("object"))).body.text(), "second");
    },
  },
  {
    name: "a part whose source fails is not there, and can be written again",
    async run({ storage, at }) {
      const upload = await storage.createUpload(at("object"));
      await failure(upload.writePart(1, failingAfter(sampleBytes(100_000))), "source_failed");
      await upload.writePart(1, "whole");
      await upload.complete();
      assert.equal(await (await storage.open(at("object"))).body.text(), "whole");
    },
  },
  {
    name: "an upload can be resumed with its key and id and the parts",
    async run({ storage, at }) {
      const { id } = await storage.createUpload(at("object"), { metadata: { kept: "yes" } });
      const part = await storage.resumeUpload(at("object"), id).writePart(1, "content");
      assert.deepEqual([part.number, part.size], [1, 7]);
      await storage.resumeUpload(at("object"), id).complete({ parts: [part] });
      assert.equal((await storage.getMetadata(at("object"))).metadata.kept, "yes");
    },
  },
  {
    name: "an upload that was aborted is gone with its parts, and aborting it again is no error",
    async run({ storage, at }) {
      const upload = await storage.createUpload(at("object"));
      await upload.writePart(1, "content");
      await upload.abort();
      await upload.abort();
      await failure(upload.writePart(2, "more"), "not_found");
      await failure(upload.complete(), "not_found");
      assert.equal(await storage.exists(at("object")), false);
    },
  },
  {
    name: "an upload that is complete cannot be written or completed again",
    async run({ storage, at }) {
      const upload = await storage.createUpload(at("object"));
      await upload.writePart(1, "content");
      await upload.complete();
      await failure(upload.writePart(1, "more"), "not_found");
      await failure(upload.complete(), "not_found");
      assert.equal(await (await storage.open(at("object"))).body.text(), "content");
    },
  },
  {
    name: "an upload that was not begun is not_found, with an id of any form",
    async run({ storage, at }) {
      for (const id of ["unknown", "", "../../etc", "__proto__", "x".repeat(3000), "a/b", "\0"]) {
        const upload = storage.resumeUpload(at("object"), id);
        await failure(upload.writePart(1, "content"), "not_found");
        await failure(upload.complete({ parts: [{ number: 1, etag: "x", size: 7 }] }), "not_found");
        await upload.abort();
      }
    },
  },
  {
    name: "the upload of one key cannot be written, completed or aborted under another",
    async run({ storage, at }) {
      const upload = await storage.createUpload(at("mine"));
      await upload.writePart(1, "content");
      const stolen = storage.resumeUpload(at("other"), upload.id);
      await failure(stolen.writePart(1, "content"), "not_found");
      await failure(stolen.complete({ parts: [{ number: 1, etag: "x", size: 7 }] }), "not_found");
      await stolen.abort();
      await upload.complete();
      assert.equal(await storage.exists(at("mine")), true);
    },
  },
  {
    name: "a part that was not written, or is another version, is invalid_argument and nothing is published",
    async run({ storage, at }) {
      const upload = await storage.createUpload(at("object"));
      const part = await upload.writePart(1, "content");
      const forged = { ...part, etag: "forged" };
      await failure(upload.complete({ parts: [part, { ...part, number: 2 }] }), "invalid_argument");
      await failure(upload.complete({ parts: [forged] }), "invalid_argument");
      assert.equal(await storage.exists(at("object")), false);
      await upload.complete();
    },
  },
  {
    name: "the number of a part is 1 to 10,000, and an upload has at least one",
    async run({ storage, at }) {
      const upload = await storage.createUpload(at("object"));
      for (const number of [0, -1, 1.5, 10_001, Number.NaN]) {
        await failure(upload.writePart(number, "content"), "invalid_argument");
      }
      await failure(upload.complete(), "invalid_argument");
      await upload.writePart(10_000, "content");
      await upload.complete();
    },
  },
  {
    name: "a storage that began an upload and was narrowed by size is not gone around by another one",
    async run({ storage, at }) {
      const narrow = storage.withPolicy({ maxBytes: 5 });
      const { id } = await narrow.createUpload(at("object"));
      const wide = storage.resumeUpload(at("object"), id);
      await wide.writePart(1, "more than five bytes");
      await failure(wide.complete(), "too_large");
      assert.equal(await storage.exists(at("object")), false);
      await wide.writePart(1, "five.");
      await wide.complete();
    },
  },
  {
    name: "an upload is not larger than allowed, whatever the sizes of its parts are said to be",
    async run({ storage, at }) {
      const size = partBytes(storage.capabilities.minPartBytes);
      const narrow = storage.withPolicy({ maxBytes: size + 4 });
      const { id } = await narrow.createUpload(at("object"));
      const upload = narrow.resumeUpload(at("object"), id);
      const written = [await upload.writePart(1, sampleBytes(size)), await upload.writePart(2, "five.")];
      const parts = written.map((part) => ({ ...part, size: 0 }));
      await failure(narrow.resumeUpload(at("object"), id).complete({ parts }), "too_large");
      assert.equal(await storage.exists(at("object")), false);
      await upload.abort();
    },
  },
];

const listing: readonly ConformanceCase[] = [
  {
    name: "the parts of an upload are listed as they were written last, in the order of their numbers",
    async run({ storage, at }) {
      const upload = await storage.createUpload(at("object"));
      assert.deepEqual(await upload.listParts(), []);
      const third = await upload.writePart(3, "three");
      await upload.writePart(1, "old one");
      const first = await storage.resumeUpload(at("object"), upload.id).writePart(1, "one");
      const listed = await storage.resumeUpload(at("object"), upload.id).listParts();
      assert.deepEqual(listed, [first, third]);
      await upload.abort();
    },
  },
  {
    name: "an upload is completed with the parts that were listed",
    async run({ storage, at }) {
      const { id } = await storage.createUpload(at("object"));
      await storage.resumeUpload(at("object"), id).writePart(1, "content");
      const resumed = storage.resumeUpload(at("object"), id);
      await resumed.complete({ parts: await resumed.listParts() });
      assert.equal(await (await storage.open(at("object"))).body.text(), "content");
    },
  },
  {
    name: "the parts of an upload that is not under way, or is another key's, are not_found",
    async run({ storage, at }) {
      const upload = await storage.createUpload(at("object"));
      await upload.writePart(1, "content");
      for (const id of ["unknown", "", "../../etc", "a/b"]) {
        await failure(storage.resumeUpload(at("object"), id).listParts(), "not_found");
      }
      await failure(storage.resumeUpload(at("other"), upload.id).listParts(), "not_found");
      await upload.complete();
      await failure(upload.listParts(), "not_found");
    },
  },
];

const conditional: readonly ConformanceCase[] = [
  {
    name: "of uploads of one key that complete with ifAbsent exactly one wins",
    needs: ["multipart", "ifAbsent", "conditionalComplete"],
    async run({ storage, at }) {
      const uploads = await Promise.all(Array.from({ length: 8 }, () => storage.createUpload(at("object"))));
      await Promise.all(uploads.map((upload, index) => upload.writePart(1, `upload ${index}`)));
      const completions = uploads.map((upload) => upload.complete({ ifAbsent: true }));
      const results = await Promise.allSettled(completions);
      const winner = results.findIndex(({ status }) => status === "fulfilled");
      assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
      for (const [index, completion] of completions.entries()) {
        if (index !== winner) await failure(completion, "precondition_failed");
      }
      await Promise.all(uploads.map((upload) => upload.abort()));
      assert.equal(await (await storage.open(at("object"))).body.text(), `upload ${winner}`);
    },
  },
  {
    name: "a completion with ifMatch replaces only that version",
    needs: ["multipart", "ifMatch", "conditionalComplete"],
    async run({ storage, at }) {
      const { etag } = await storage.put(at("object"), "first");
      await storage.put(at("object"), "second");
      const upload = await storage.createUpload(at("object"));
      await upload.writePart(1, "third");
      await failure(upload.complete({ ifMatch: etag }), "precondition_failed");
      await upload.abort();
      assert.equal(await (await storage.open(at("object"))).body.text(), "second");
    },
  },
];

export const multipartCases: readonly ConformanceCase[] = [
  ...[...rules, ...listing].map((rule): ConformanceCase => ({ ...rule, needs: ["multipart"] })),
  ...conditional,
];
