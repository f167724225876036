import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { checksumOf } from "../../contract/checksum.js";
import type { ConformanceCase } from "../case.js";
import { failure, sameBytes } from "../expect.js";
import { contentsOf, failingAfter, oddPieces, sampleBytes } from "../samples.js";

const sizes = [0, 1, 65_535, 65_536, 65_537, 1_048_576];

const roundTrips = sizes.map(
  (size): ConformanceCase => ({
    name: `${size} bytes come back as they were put`,
    async run({ storage, at }) {
      const bytes = sampleBytes(size);
      const stored = await storage.put(at("object"), bytes);
      assert.equal(stored.size, size);
      assert.equal(stored.checksum, checksumOf(bytes));
      sameBytes(await storage.get(at("object")), bytes);
    },
  }),
);

const streams = sizes.map(
  (size): ConformanceCase => ({
    name: `${size} bytes from a stream in odd pieces come back as they were put`,
    async run({ storage, at }) {
      const bytes = sampleBytes(size);
      const stored = await storage.put(at("object"), oddPieces(bytes));
      assert.equal(stored.size, size);
      sameBytes(await storage.get(at("object")), bytes);
    },
  }),
);

/** Each way in which a write can be refused half-way; none may leave anything behind. */
const refusals: readonly ConformanceCase[] = [
  {
    name: "a source that fails leaves the old object and nothing else",
    async run({ storage, at, folder }) {
      await storage.put(at("old"), "old");
      await failure(storage.put(at("old"), failingAfter(sampleBytes(200_000))), "source_failed");
      await failure(storage.put(at("new"), failingAfter(sampleBytes(200_000))), "source_failed");
      sameBytes(await storage.get(at("old")), Buffer.from("old"));
      assert.deepEqual(await storage.listKeys({ prefix: folder }), [at("old")]);
    },
  },
  {
    name: "a source that fails before its first byte leaves nothing",
    async run({ storage, at }) {
      await failure(storage.put(at("new"), failingAfter(Buffer.alloc(0))), "source_failed");
      assert.equal(await storage.exists(at("new")), false);
    },
  },
  {
    name: "content of another size than announced is refused and not visible",
    async run({ storage, at }) {
      const bytes = sampleBytes(100_000);
      for (const size of [0, 99_999, 100_001]) {
        await failure(storage.put(at("stream"), oddPieces(bytes), { size }), "invalid_argument");
        await failure(storage.put(at("bytes"), bytes, { size }), "invalid_argument");
      }
      assert.equal(await storage.exists(at("stream")), false);
      assert.equal(await storage.exists(at("bytes")), false);
    },
  },
  {
    name: "content with another checksum than given is refused and the old object stays",
    async run({ storage, at }) {
      await storage.put(at("object"), "old");
      const [bytes, checksum] = [sampleBytes(100_000), checksumOf(Buffer.from("other"), "sha256")];
      await failure(storage.put(at("object"), bytes, { checksum }), "checksum_mismatch");
      await failure(storage.put(at("object"), oddPieces(bytes), { checksum }), "checksum_mismatch");
      sameBytes(await storage.get(at("object")), Buffer.from("old"));
    },
  },
  {
    name: "content larger than allowed is refused while it streams",
    async run({ storage, at }) {
      const content = oddPieces(sampleBytes(100_000));
      await failure(storage.put(at("object"), content, { maxBytes: 99_999 }), "too_large");
      assert.equal(await storage.exists(at("object")), false);
    },
  },
  {
    name: "a source that is refused is destroyed",
    async run({ storage, at }) {
      const source = Readable.from(oddPieces(sampleBytes(500_000)), { objectMode: false });
      await failure(storage.put(at("object"), source, { maxBytes: 10 }), "too_large");
      assert.equal(source.destroyed, true);
    },
  },
];

export const writeCases: readonly ConformanceCase[] = [
  ...roundTrips,
  ...streams,
  {
    name: "every kind of content is taken",
    async run({ storage, at }) {
      const text = "Grüße, 世界";
      for (const [kind, content] of contentsOf(text)) {
        await storage.put(at("object"), content);
        sameBytes(await storage.get(at("object")), Buffer.from(text), kind);
      }
    },
  },
  {
    name: "the right size and checksum are accepted",
    async run({ storage, at }) {
      const bytes = sampleBytes(70_000);
      const checksum = checksumOf(bytes, "sha256");
      await storage.put(at("bytes"), bytes, { size: 70_000, checksum });
      await storage.put(at("stream"), oddPieces(bytes), { size: 70_000, checksum });
      sameBytes(await storage.get(at("stream")), bytes);
    },
  },
  {
    name: "a write replaces the whole object with its description",
    async run({ storage, at }) {
      const first = { contentType: "text/plain", filename: "a.txt", metadata: { one: "1" } };
      await storage.put(at("object"), sampleBytes(100_000), first);
      await storage.put(at("object"), "short", { contentType: "text/html", metadata: { two: "2" } });
      const { size, contentType, filename, metadata } = await storage.getMetadata(at("object"));
      assert.deepEqual(
        { size, contentType, filename },
        { size: 5, contentType: "text/html", filename: undefined },
      );
      assert.deepEqual({ ...metadata }, { two: "2" });
      sameBytes(await storage.get(at("object")), Buffer.from("short"));
    },
  },
  {
    name: "every write makes another ETag, also of the same content within one millisecond",
    async run({ storage, at }) {
      const etags = new Set<string>();
      for (let turn = 0; turn < 20; turn++) etags.add((await storage.put(at("object"), "same size")).etag);
      assert.equal(etags.size, 20);
      assert.ok(etags.has((await storage.getMetadata(at("object"))).etag));
    },
  },
  {
    name: "what the caller does to its bytes after a write changes nothing",
    async run({ storage, at }) {
      const bytes = Buffer.from("kept as it was");
      await storage.put(at("object"), bytes);
      bytes.fill(0);
      sameBytes(await storage.get(at("object")), Buffer.from("kept as it was"));
    },
  },
  {
    name: "what a reader does to the bytes it got changes nothing",
    async run({ storage, at }) {
      await storage.put(at("object"), "kept as it was");
      (await storage.get(at("object"))).fill(0);
      for await (const piece of (await storage.open(at("object"))).body) piece.fill(0);
      sameBytes(await storage.get(at("object")), Buffer.from("kept as it was"));
    },
  },
  {
    name: "of writers of one key at once the last one to be published is there whole, with its own description",
    async run({ storage, at }) {
      const writers = Array.from({ length: 20 }, (_, index) =>
        storage.put(at("object"), sampleBytes(50_000 + index, index), {
          metadata: { writer: String(index) },
        }),
      );
      await Promise.all(writers);
      const { metadata, body } = await storage.open(at("object"));
      const writer = Number(metadata.writer);
      sameBytes(await body.bytes(), sampleBytes(50_000 + writer, writer));
    },
  },
  ...refusals,
];
