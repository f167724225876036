import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { maxMetadataBytes } from "../../contract/metadata.js";
import type { FileDetails } from "../../options.js";
import type { ConformanceCase } from "../case.js";
import { failure, sameBytes } from "../expect.js";
import { awkwardTexts, oddPieces, sampleBytes } from "../samples.js";

/** Fields of the content, of which a reader that does not know them makes something else. */
const fields = {
  cacheControl: "public, max-age=3600, immutable",
  contentEncoding: "gzip",
  contentDisposition: 'attachment; filename="given.csv"',
  contentLanguage: "de-AT, en",
};

function fieldsOf(file: FileDetails) {
  const { cacheControl, contentEncoding, contentDisposition, contentLanguage } = file;
  return { cacheControl, contentEncoding, contentDisposition, contentLanguage };
}

const contentFields: readonly ConformanceCase[] = [
  {
    name: "the fields of the content come back as they were given, with the bytes as they are, and copies keep them",
    async run({ storage, at }) {
      const packed = gzipSync(sampleBytes(300_000));
      const description = { ...fields, contentType: "text/csv", filename: awkwardTexts[0] };
      assert.deepEqual(fieldsOf(await storage.put(at("object"), packed, description)), fields);
      assert.deepEqual(fieldsOf(await storage.copy(at("object"), at("copy"))), fields);
      for (const key of [at("object"), at("copy")]) {
        const file = await storage.open(key);
        assert.deepEqual(fieldsOf(file), fields);
        assert.equal(file.filename, awkwardTexts[0]);
        sameBytes(await file.body.bytes(), packed);
        assert.deepEqual(fieldsOf(await storage.getMetadata(key)), fields);
      }
    },
  },
  {
    name: "fields of the content that were not given are not told",
    async run({ storage, at }) {
      const none = fieldsOf({} as FileDetails);
      await storage.put(at("object"), "content", { filename: "name.txt" });
      assert.deepEqual(fieldsOf(await storage.getMetadata(at("object"))), none);
      await storage.put(at("object"), "content", { contentDisposition: "attachment" });
      const { filename, contentDisposition } = await storage.getMetadata(at("object"));
      assert.deepEqual([filename, contentDisposition], [undefined, "attachment"]);
    },
  },
  {
    name: "an upload in parts keeps the fields of the content",
    needs: ["multipart"],
    async run({ storage, at }) {
      const upload = await storage.createUpload(at("object"), fields);
      await upload.writePart(1, "content");
      await upload.complete();
      assert.deepEqual(fieldsOf(await storage.getMetadata(at("object"))), fields);
    },
  },
  {
    name: "fields of the content that no header can carry are refused before anything is stored",
    async run({ storage, at }) {
      const wrong = [
        { cacheControl: "a\r\nSet-Cookie: x=1" },
        { contentDisposition: "attachment; filename=ä" },
        { contentEncoding: "aws-chunked" },
        { contentLanguage: "two words" },
        { cacheControl: "x".repeat(1025) },
      ];
      for (const each of wrong) await failure(storage.put(at("object"), "x", each), "invalid_argument");
      assert.equal(await storage.exists(at("object")), false);
    },
  },
];

export const metadataCases: readonly ConformanceCase[] = [
  ...contentFields,
  {
    name: "metadata comes back as it was given, in any script",
    async run({ storage, at }) {
      const metadata = Object.fromEntries(awkwardTexts.map((text, index) => [`text-${index}`, text]));
      await storage.put(at("object"), "content", { metadata });
      assert.deepEqual({ ...(await storage.getMetadata(at("object"))).metadata }, metadata);
    },
  },
  {
    name: "metadata values may be empty or begin and end with blanks",
    async run({ storage, at }) {
      const metadata = { empty: "", blanks: "  two  " };
      await storage.put(at("object"), "content", { metadata });
      assert.deepEqual({ ...(await storage.getMetadata(at("object"))).metadata }, metadata);
    },
  },
  {
    name: "as much metadata as is allowed fits",
    async run({ storage, at }) {
      const bytes = Math.min(storage.capabilities.maxMetadataBytes ?? maxMetadataBytes, maxMetadataBytes);
      const pairs = Array.from({ length: Math.floor(bytes / 64) }, (_, index): [string, string] => [
        `name-${String(index).padStart(2, "0")}`,
        "v".repeat(57),
      ]);
      const metadata = Object.fromEntries(pairs);
      metadata["name-00"] = "v".repeat(57 + (bytes % 64));
      await storage.put(at("object"), "content", { metadata });
      assert.deepEqual({ ...(await storage.getMetadata(at("object"))).metadata }, metadata);
    },
  },
  {
    name: "metadata never takes the place of what the system knows",
    async run({ storage, at }) {
      const metadata = {
        key: "other",
        size: "999",
        etag: "forged",
        "content-type": "text/html",
        "content-length": "999",
        contenttype: "text/html",
        "last-modified": "yesterday",
        lastmodified: "yesterday",
        checksum: "crc32:00000000",
        filename: "evil.html",
        metadata: "{}",
      };
      const put = await storage.put(at("object"), "content", { contentType: "image/png", metadata });
      const stat = await storage.getMetadata(at("object"));
      assert.deepEqual({ ...stat.metadata }, metadata);
      const { key, size, contentType, filename, etag, checksum } = stat;
      assert.deepEqual({ key, size, contentType }, { key: at("object"), size: 7, contentType: "image/png" });
      assert.deepEqual([filename, etag, checksum], [undefined, put.etag, put.checksum]);
    },
  },
  {
    name: "names of metadata that could reach a prototype are refused",
    async run({ storage, at }) {
      const metadata = JSON.parse('{"__proto__":"polluted"}');
      await failure(storage.put(at("object"), "content", { metadata }), "invalid_argument");
      assert.equal(await storage.exists(at("object")), false);
    },
  },
  {
    name: "control characters in metadata and file names are refused before anything is stored",
    async run({ storage, at }) {
      for (const text of ["a\r\nSet-Cookie: x=1", "a\0b", "\u007f", "\ud800"]) {
        await failure(storage.put(at("object"), "x", { metadata: { name: text } }), "invalid_argument");
        await failure(storage.put(at("object"), "x", { filename: text }), "invalid_argument");
      }
      assert.equal(await storage.exists(at("object")), false);
    },
  },
  {
    name: "the file's own name comes back, in any script",
    async run({ storage, at }) {
      for (const filename of awkwardTexts) {
        await storage.put(at("object"), "content", { filename });
        assert.equal((await storage.getMetadata(at("object"))).filename, filename);
      }
    },
  },
  {
    name: "a content type is kept with its parameters, and one that is not given is sniffed",
    async run({ storage, at }) {
      const contentType = 'text/csv; charset="utf-8"; header=present';
      await storage.put(at("object"), "a,b", { contentType });
      assert.equal((await storage.getMetadata(at("object"))).contentType, contentType);
      const png = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");
      await storage.put(at("object"), oddPieces(png));
      assert.equal((await storage.getMetadata(at("object"))).contentType, "image/png");
    },
  },
  {
    name: "lastModified is the time of the write, give or take the clocks",
    async run({ storage, at }) {
      const before = Date.now();
      await storage.put(at("object"), sampleBytes(10));
      const { lastModified } = await storage.getMetadata(at("object"));
      const fiveMinutes = 300_000;
      assert.ok(Math.abs(lastModified.getTime() - before) < fiveMinutes, lastModified.toISOString());
    },
  },
];
