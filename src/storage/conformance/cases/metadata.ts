import assert from "node:assert/strict";
import type { ConformanceCase } from "../case.js";
import { failure } from "../expect.js";
import { awkwardTexts, oddPieces, sampleBytes } from "../samples.js";

export const metadataCases: readonly ConformanceCase[] = [
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
      const pairs = Array.from({ length: 32 }, (_, index) => [
        `name-${String(index).padStart(2, "0")}`,
        "v".repeat(57),
      ]);
      const metadata = Object.fromEntries(pairs);
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
