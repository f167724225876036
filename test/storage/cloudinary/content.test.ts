import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { checksumOf, parseKey } from "svc-infra/storage";
import { describe, expect, it } from "vitest";
import { nextAddress } from "#dist/storage/backends/cloudinary/client.js";
import { encodeValue } from "#dist/storage/backends/cloudinary/context.js";
import { fresh, png } from "./fresh-backend.js";

const chunkBytes = 5 * 1024 * 1024;

/** Pieces of 64 KiB, one at a time; `watch` sees how much has been asked for. */
async function* pieces(content: Buffer, watch: (bytes: number) => void = () => undefined) {
  for (let at = 0; at < content.length; at += 65_536) {
    watch(at);
    yield content.subarray(at, at + 65_536);
  }
}

describe("a large upload", () => {
  const content = randomBytes(chunkBytes * 3 + 1234);

  it("goes in chunks, of which the last one makes it visible, and one is in memory at most", async () => {
    const { storage, double } = await fresh({ chunkBytes });
    const seen: { asked: number; sent: number; assets: number }[] = [];
    const source = pieces(content, (asked) => {
      const sent = double.visits.filter(({ target }) => target.endsWith("/raw/upload")).length;
      seen.push({ asked, sent, assets: double.assets.size });
    });
    const stored = await storage.put("big.bin", source);
    expect(stored.size).toBe(content.length);
    expect(double.visits.filter(({ target }) => target.endsWith("/raw/upload"))).toHaveLength(4);
    for (const { asked, sent, assets } of seen) {
      expect(assets).toBe(0);
      expect(asked - sent * chunkBytes).toBeLessThanOrEqual(chunkBytes + 65_536);
    }
    expect(Buffer.from(await storage.get("big.bin")).equals(content)).toBe(true);
    expect(await storage.getMetadata("big.bin")).toEqual(expect.objectContaining({ etag: stored.etag }));
  });

  it("keeps the checksum that its caller gave, although it leaves ahead of the content", async () => {
    const { storage } = await fresh({ chunkBytes });
    const checksum = checksumOf(content);
    await storage.put("a.bin", pieces(content), { checksum });
    expect((await storage.getMetadata("a.bin")).checksum).toBe(checksum);
  });

  it.each([
    ["of exactly one chunk", chunkBytes, 1],
    ["of one byte more", chunkBytes + 1, 2],
    ["of exactly two chunks", chunkBytes * 2, 2],
  ])("%s comes back", async (_what, size, requests) => {
    const { storage, double } = await fresh({ chunkBytes });
    for (const body of [content.subarray(0, size), pieces(content.subarray(0, size))]) {
      double.visits.length = 0;
      await storage.put("a.bin", body);
      expect(double.visits).toHaveLength(requests);
      expect(Buffer.from(await storage.get("a.bin")).equals(content.subarray(0, size))).toBe(true);
    }
  });

  it("that fails or is aborted half-way leaves the old object and nothing else", async () => {
    const { storage, double } = await fresh({ chunkBytes });
    await storage.put("a.bin", "old");
    async function* failing() {
      yield* pieces(content);
      throw new Error("the source failed");
    }
    await expect(storage.put("a.bin", failing())).rejects.toMatchObject({ code: "source_failed" });
    const controller = new AbortController();
    async function* leaving() {
      yield* pieces(content);
      controller.abort();
      yield Buffer.from("x");
      await sleep(10_000);
    }
    const put = storage.put("a.bin", leaving(), { signal: controller.signal });
    await expect(put).rejects.toMatchObject({ code: "aborted" });
    expect(double.assets.size).toBe(1);
    expect(Buffer.from(await storage.get("a.bin")).toString()).toBe("old");
  });

  it("of an image in chunks is looked at as a whole", async () => {
    const { storage } = await fresh({ chunkBytes });
    const image = Buffer.concat([png(), content]);
    await storage.put("a.png", pieces(image));
    expect(Buffer.from(await storage.get("a.png")).equals(image)).toBe(true);
    await expect(storage.put("a.png", pieces(content))).rejects.toMatchObject({ code: "unsupported_type" });
  });
});

describe("a reader", () => {
  const content = randomBytes(3_000_000);

  it.each([
    ["ignores ranges", {}],
    ["honours ranges", { honoursRanges: true }],
    ["sends to another address", { redirects: true }],
    ["sends to another address that honours ranges", { redirects: true, honoursRanges: true }],
  ])("gets what it asked for of a service that %s", async (_what, account) => {
    const { storage } = await fresh({}, account);
    await storage.put("a.bin", content);
    expect(Buffer.from(await storage.get("a.bin")).equals(content)).toBe(true);
    for (const [start, end] of [
      [0, 0],
      [1_000_000, 1_000_999],
      [100, 2_500_000],
      [2_999_999, undefined],
    ] as const) {
      const { body } = await storage.open("a.bin", { range: { start, end } });
      const expected = content.subarray(start, (end ?? content.length) + 1);
      expect(Buffer.from(await body.bytes()).equals(expected), `${start}-${end}`).toBe(true);
    }
    const { body } = await storage.open("a.bin", { range: { suffix: 10 } });
    expect(Buffer.from(await body.bytes()).equals(content.subarray(-10))).toBe(true);
  });

  it("gets description and content of one version, also while the object is replaced again and again", async () => {
    const { storage } = await fresh();
    const put = (turn: number) =>
      storage.put("a.txt", `${turn}`.padStart(40, "0"), { metadata: { turn: String(turn) } });
    await put(0);
    let isDone = false;
    const writing = (async () => {
      for (let turn = 1; !isDone; turn++) {
        await put(turn);
        await sleep((turn % 4) * 5);
      }
    })();
    let read = 0;
    for (let turn = 0; turn < 100; turn++) {
      const opened = await storage.open("a.txt").catch(() => undefined);
      if (opened === undefined) continue;
      expect(Number(await opened.body.text())).toBe(Number(opened.metadata.turn));
      read += 1;
    }
    isDone = true;
    await writing;
    expect(read).toBeGreaterThan(0);
  });

  it("of a large object that was replaced by one of the same length gets the new one whole", async () => {
    const { storage, double, backend } = await fresh({ chunkBytes });
    const versions = [randomBytes(chunkBytes + 10), randomBytes(chunkBytes + 10)];
    await storage.put("a.bin", pieces(versions[0] ?? content));
    const { get } = double.assets;
    let looked = 0;
    double.assets.get = (...address) => {
      const asset = get.call(double.assets, ...address);
      // Between the first look and the download.
      if (++looked === 1)
        double.assets.put({ ...asset, version: asset.version + 1, content: versions[1] ?? content });
      return asset;
    };
    const whole = { range: undefined, ifMatch: undefined, signal: undefined };
    const opened = await backend.read(parseKey("a.bin"), whole);
    const arrived: Uint8Array[] = [];
    for await (const piece of opened.body) arrived.push(piece);
    expect(Buffer.concat(arrived).equals(versions[1] ?? content)).toBe(true);
    expect(opened.stat.etag).toBe((await storage.getMetadata("a.bin")).etag);
  });

  it.each([
    ["a small part", 100],
    ["a large part", 2_000_000],
  ])(
    "of %s gets it in the version that is described, which no checksum of the whole can tell",
    async (_what, length) => {
      const { storage, double, backend } = await fresh();
      await storage.put("a.bin", Buffer.alloc(3_000_000, "a"), { metadata: { version: "a" } });
      const { get } = double.assets;
      let looked = 0;
      double.assets.get = (...address) => {
        const asset = get.call(double.assets, ...address);
        const context = { ...asset.context, version: "b" };
        const next = { ...asset, context, version: asset.version + 1, content: Buffer.alloc(3_000_000, "b") };
        if (++looked === 1) double.assets.put(next);
        return asset;
      };
      const part = { range: { start: 10, end: 9 + length }, ifMatch: undefined, signal: undefined };
      const { stat, body } = await backend.read(parseKey("a.bin"), part);
      const arrived: Uint8Array[] = [];
      for await (const piece of body) arrived.push(piece);
      expect(Buffer.concat(arrived).equals(Buffer.alloc(length, stat.metadata.version))).toBe(true);
    },
  );

  it("of the end of an object that was shortened meanwhile gets that of the new version", async () => {
    const { storage, double } = await fresh({}, { honoursRanges: true });
    await storage.put("a.bin", Buffer.alloc(3000, "a"));
    const { get } = double.assets;
    let looked = 0;
    double.assets.get = (...address) => {
      const asset = get.call(double.assets, ...address);
      const next = { ...asset, version: asset.version + 1, content: Buffer.alloc(1000, "b") };
      if (++looked === 1) double.assets.put(next);
      return asset;
    };
    const { body, size } = await storage.open("a.bin", { range: { suffix: 10 } });
    expect([await body.text(), size]).toEqual(["bbbbbbbbbb", 1000]);
  });

  it("a slow reader keeps no other call and no other reader waiting", async () => {
    const { storage } = await fresh({ chunkBytes, maxConnections: 1 });
    await storage.put("large.bin", pieces(randomBytes(chunkBytes + 10)));
    const { body } = await storage.open("large.bin");
    expect(await storage.exists("large.bin")).toBe(true);
    expect(await storage.get("large.bin")).toHaveLength(chunkBytes + 10);
    expect((await body.bytes()).length).toBe(chunkBytes + 10);
  });

  it("is told when what is stored no longer has its checksum", async () => {
    const { storage, double } = await fresh();
    await storage.put("a.txt", "content");
    const asset = double.assets.get("raw", "authenticated", "files/a.txt");
    double.assets.put({ ...asset, content: Buffer.from("CONTENT") });
    const corrupt = expect.objectContaining({ code: expect.stringMatching(/^(?:corrupt|unavailable)$/) });
    await expect(storage.get("a.txt")).rejects.toEqual(corrupt);
  });
});

describe("a description", () => {
  it("is plain where it is ASCII, for other tools that read it", async () => {
    const { storage, double } = await fresh();
    const metadata = {
      title: "a=b|c, 100%",
      owner: "Zoë",
      blank: " ",
      empty: "",
      odd: "utf-8:x",
      html: "<b>&\\",
    };
    await storage.put("a.txt", "content", { metadata, filename: "report 1.txt" });
    const { context } = double.assets.get("raw", "authenticated", "files/a.txt");
    expect(context).toMatchObject({
      title: "a=b|c, 100%",
      owner: "utf-8:Wm/Dqw".replace("/", "_"),
      "svc.name": "report 1.txt",
      "svc.type": "text/plain; charset=utf-8",
      "svc.crc32": checksumOf(Buffer.from("content")).slice("crc32:".length),
    });
    expect({ ...(await storage.getMetadata("a.txt")).metadata }).toEqual(metadata);
  });

  it("that another tool wrote is shown where it could be put", async () => {
    const { storage, double } = await fresh();
    await storage.put("a.txt", "content");
    const asset = double.assets.get("raw", "authenticated", "files/a.txt");
    const others = { Owner: "Zoë", split: encodeValue("a\r\nb: c"), "dotted.name": "x" };
    const context = { ...asset.context, ...others, "svc.name": encodeValue("a\nb") };
    double.assets.put({ ...asset, context });
    const { metadata, filename } = await storage.getMetadata("a.txt");
    expect([metadata, filename]).toEqual([{ owner: "Zoë" }, undefined]);
  });

  it("that Cloudinary could not keep is refused before a byte moves", async () => {
    const { storage, double } = await fresh();
    for (const long of ["x".repeat(1025), "é".repeat(600), "=".repeat(513)]) {
      const put = storage.put("a.txt", "content", { metadata: { long } });
      await expect(put).rejects.toMatchObject({ code: "invalid_argument", message: /'long'.*1,024/ });
    }
    expect(double.visits).toEqual([]);
    await storage.put("a.txt", "content", { metadata: { long: "x".repeat(1024) } });
  });

  it("of an empty file says that it is empty, although a byte stands for it", async () => {
    const { storage, double } = await fresh();
    expect((await storage.put("empty.txt", "")).size).toBe(0);
    expect(double.assets.get("raw", "authenticated", "files/empty.txt").content.length).toBe(1);
    await storage.copy("empty.txt", "copy.txt");
    const { items } = await storage.list();
    expect(items.map(({ size }) => size)).toEqual([0, 0]);
    expect(await storage.get("copy.txt")).toHaveLength(0);
  });
});

describe("a copy", () => {
  it("has all that describes the source, also to and from a key that has no room in its address", async () => {
    const { storage } = await fresh();
    const long = `${"folder/".repeat(100)}a.txt`;
    await storage.put("a.txt", "content", { metadata: { one: "1" }, filename: "größe.txt" });
    await storage.copy("a.txt", long);
    await storage.copy(long, "b.txt");
    expect(await storage.listKeys()).toEqual(["a.txt", "b.txt", long]);
    const { metadata, filename, checksum, body } = await storage.open("b.txt");
    expect({ metadata: { ...metadata }, filename, checksum, text: await body.text() }).toEqual({
      metadata: { one: "1" },
      filename: "größe.txt",
      checksum: checksumOf(Buffer.from("content")),
      text: "content",
    });
  });

  const large = chunkBytes * 2 + 1234;
  describe.each([
    ["small", 3, {}],
    ["large", large, {}],
    ["large with a checksum", large, { checksum: checksumOf(Buffer.alloc(large, "0")) }],
  ] as const)("of a %s source", (_what, size, given) => {
    const contentOf = (version: number) => Buffer.alloc(size, String(version));

    /** The source is replaced by its next version after each of the first looks at it. */
    async function replacedAfter(looks: number) {
      const { storage, double } = await fresh({ chunkBytes });
      await storage.put("a.bin", pieces(contentOf(0)), { metadata: { version: "0" }, ...given });
      await storage.put("b.bin", "before");
      const { get } = double.assets;
      let looked = 0;
      double.assets.get = (...address) => {
        const asset = get.call(double.assets, ...address);
        if (address[2] !== "files/a.bin" || looked === looks) return asset;
        const version = String(++looked);
        const content = contentOf(looked % 10);
        const { "svc.crc32": kept, ...rest } = asset.context;
        const sum = kept === undefined ? {} : { "svc.crc32": checksumOf(content).slice("crc32:".length) };
        double.assets.put({
          ...asset,
          content,
          context: { ...rest, ...sum, version, "svc.id": `id-${version}` },
        });
        return asset;
      };
      return { storage, double };
    }

    it.each([1, 2])(
      "that is replaced %i times meanwhile has content and description of one version",
      async (times) => {
        const { storage, double } = await replacedAfter(times);
        await storage.copy("a.bin", "b.bin");
        const copied = double.assets.get("raw", "authenticated", "files/b.bin");
        expect(copied.content.equals(contentOf(Number(copied.context.version)))).toBe(true);
      },
    );

    it("that is replaced all the time fails and leaves the target as it was", async () => {
      const { storage, double } = await replacedAfter(1_000_000);
      await expect(storage.copy("a.bin", "b.bin")).rejects.toMatchObject({
        code: expect.stringMatching(/^(?:unavailable|corrupt)$/),
      });
      expect(double.assets.get("raw", "authenticated", "files/b.bin").content.toString()).toBe("before");
      expect(await storage.get("b.bin")).toHaveLength("before".length);
    });
  });
});

describe("a redirect", () => {
  const from = "https://api.cloudinary.com/file";

  it.each([
    ["/other?a=1", "https://api.cloudinary.com/other?a=1"],
    ["https://res.cloudinary.com/file", "https://res.cloudinary.com/file"],
  ])("to %s is followed", (location, address) => {
    expect(nextAddress(location, from)).toBe(address);
  });

  it.each([
    "http://api.cloudinary.com/file",
    "https://cdn.example/file",
    "ftp://api.example/file",
    "data:,content",
    "https://",
  ])("to %s, without TLS or to a host that is not known, is refused", (location) => {
    const failure = expect.objectContaining({ failure: expect.objectContaining({ code: "unavailable" }) });
    expect(() => nextAddress(location, from)).toThrow(failure);
  });
});

it("create-if-absent is refused to everybody, for it cannot be decided there", async () => {
  const { storage, double } = await fresh();
  const writers = Array.from({ length: 100 }, (_, index) =>
    // @ts-expect-error the capability `ifAbsent` is false
    storage.put("one", String(index), { ifAbsent: true }),
  );
  const outcomes = await Promise.allSettled(writers);
  expect(outcomes.every((each) => each.status === "rejected" && each.reason.code === "unsupported")).toBe(
    true,
  );
  expect(double.visits).toEqual([]);
});
