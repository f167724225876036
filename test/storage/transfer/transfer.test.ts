import { PermissionDeniedError, StorageError, stack } from "svc-infra/storage";
import { describe, expect, it } from "vitest";
import { Backoff } from "#dist/storage/contract/backoff.js";
import { copyFile } from "#dist/storage/transfer/copy-file.js";
import { contentsOf, expectSame, fill, memoryEnds, run } from "./ends.js";

describe("a transfer", () => {
  it("copies content, type, file name and metadata of every object, large, small and empty", async () => {
    const { source, target } = memoryEnds();
    await fill(source, 40);
    expect(await run({ source, target })).toMatchObject({ copied: 40, unchanged: 0, failures: [] });
    await expectSame(source, target);
  });

  it("walks listings of many pages on both sides", async () => {
    const { source, target } = memoryEnds();
    for (let index = 0; index < 2500; index++) await source.put(`k${index}`, "x");
    for (let index = 0; index < 2500; index += 2) await target.put(`k${index}`, "x");
    await target.put("a", "before all");
    await target.put("k17a", "between");
    await target.put("z", "behind all");
    expect(await run({ source, target, concurrency: 16 })).toMatchObject({ copied: 1250, unchanged: 1250 });
    expect((await contentsOf(target)).size).toBe(2503);
  });

  it("leaves alone what is there already, without reading or writing it", async () => {
    const { source, target, from, to } = memoryEnds();
    await fill(source, 20);
    await run({ source, target });
    from.forget();
    to.forget();
    expect(await run({ source, target })).toMatchObject({ copied: 0, unchanged: 20, failures: [] });
    expect([from.count("read"), to.count("read"), to.count("write")]).toEqual([0, 0, 0]);
  });

  it.each([
    ["content of the same size", "other", {}],
    ["content of another size", "longer than it was", {}],
    ["content type", "first", { contentType: "text/html" }],
    ["file name", "first", { filename: "other.txt" }],
    ["metadata", "first", { metadata: { a: "2" } }],
    ["metadata of another name", "first", { metadata: { b: "1" } }],
    ["metadata that is not there", "first", { metadata: {} }],
    ["metadata that is new", "first", { metadata: { a: "1", b: "1" } }],
  ])("copies again what differs in %s, and nothing else", async (_, content, changed) => {
    const { source, target } = memoryEnds();
    await fill(source, 5);
    const description = { contentType: "text/plain", filename: "f.txt", metadata: { a: "1" } };
    await source.put("k", "first", description);
    await run({ source, target });
    await source.put("k", content, { ...description, ...changed });
    expect(await run({ source, target })).toMatchObject({ copied: 1, unchanged: 5 });
    await expectSame(source, target);
  });

  it("copies only keys with the prefix, and looks at no others", async () => {
    const { source, target, to } = memoryEnds();
    for (const key of ["t/1/a", "t/10/a", "t/1/b", "u"]) await source.put(key, key);
    await target.put("u", "kept");
    to.forget();
    expect(await run({ source, target, prefix: "t/1/" })).toMatchObject({ copied: 2, unchanged: 0 });
    expect(to.calls.every(({ key }) => key !== "u")).toBe(true);
    expect([...(await contentsOf(target)).keys()]).toEqual(["t/1/a", "t/1/b", "u"]);
  });

  it("in a dry run changes nothing and tells what it would copy", async () => {
    const { source, target, to } = memoryEnds();
    await fill(source, 9);
    await target.put("t/1/file-1.bin", "differs");
    const told: string[] = [];
    const before = await contentsOf(target);
    const onCopied = (key: string, bytes: number) => told.push(`${key} ${bytes}`);
    expect(await run({ source, target, isDryRun: true, onCopied })).toMatchObject({
      copied: 9,
      unchanged: 0,
    });
    expect(await contentsOf(target)).toEqual(before);
    expect(to.count("write")).toBe(1);
    expect(told).toHaveLength(9);
    expect(told).toContain("t/3/file-3.bin 3000000");
  });

  it("knows the total while it runs, also when all is there", async () => {
    const { source, target } = memoryEnds();
    for (const key of ["a", "b"]) await source.put(key, "12345");
    const { state } = await run({ source, target });
    expect(state.total).toEqual({ objects: 2, bytes: 10 });
    expect(state.copied).toEqual({ objects: 2, bytes: 10 });
    expect(state.bytesUnderWay).toBe(0);
  });
});

describe("failures", () => {
  it("of one object are told with its key and do not keep the others", async () => {
    const { source, target, to } = memoryEnds();
    await fill(source, 10);
    to.onCall = ({ verb, key }) => {
      if (verb === "write" && key === "t/4/file-4.bin")
        throw new PermissionDeniedError({ message: "not you" });
    };
    const { copied, failures } = await run({ source, target });
    expect(copied).toBe(9);
    expect(failures).toMatchObject([{ key: "t/4/file-4.bin", error: { code: "permission_denied" } }]);
    to.onCall = () => undefined;
    expect(await run({ source, target })).toMatchObject({ copied: 1, unchanged: 9, failures: [] });
    await expectSame(source, target);
  });

  it("of an object that is damaged at the source leave the target as it was", async () => {
    const { source, target, from } = memoryEnds();
    await source.put("k", Buffer.alloc(2_000_000, 1));
    await target.put("k", "old");
    from.given = Buffer.alloc(2_000_000, 2);
    const { failures } = await run({ source, target });
    expect(failures).toMatchObject([{ key: "k", error: { code: "corrupt" } }]);
    expect(Buffer.from(await target.get("k")).toString()).toBe("old");
  });

  it("that pass are tried again, also where a stream has been used up", async () => {
    const { source, target, to } = memoryEnds();
    await source.put("large", Buffer.alloc(2_000_000, 7));
    let failures = 2;
    to.onCall = ({ verb }) => {
      if (verb === "write" && failures-- > 0) throw new StorageError({ message: "later" }, "unavailable");
    };
    expect(await run({ source, target })).toMatchObject({ copied: 1, failures: [] });
    await expectSame(source, target);
  });

  it("take back what they counted of an attempt that was in vain", async () => {
    const { source, target, to } = memoryEnds();
    await source.put("large", Buffer.alloc(2_000_000, 7));
    let failures = 1;
    const write = to.write.bind(to);
    to.write = async (key, body, options) => {
      if (failures-- === 0) return write(key, body, options);
      for await (const piece of body.open()) expect(piece.byteLength).toBeGreaterThan(0);
      throw new StorageError({ message: "later" }, "unavailable");
    };
    let moved = 0;
    const backoff = new Backoff({ baseDelayMs: 1 });
    const { signal } = new AbortController();
    await copyFile({ source, target }, "large", {
      backoff,
      signal,
      onBytes: (bytes) => {
        moved += bytes;
      },
    });
    expect(moved).toBe(2_000_000);
  });

  it("of everything end the transfer when it is hopeless", async () => {
    const { source, target, to } = memoryEnds();
    for (let index = 0; index < 300; index++) await source.put(`k${index}`, "x");
    to.onCall = ({ verb }) => {
      if (verb === "write") throw new PermissionDeniedError({ message: "read only" });
    };
    await expect(run({ source, target })).rejects.toMatchObject({ code: "permission_denied" });
    expect(to.count("write")).toBeLessThan(110);
  });

  it("of a listing end the transfer with that failure", async () => {
    const { source, target, to } = memoryEnds();
    await fill(source, 3);
    to.onCall = ({ verb }) => {
      if (verb === "list") throw new PermissionDeniedError({ message: "no listing" });
    };
    await expect(run({ source, target })).rejects.toMatchObject({ code: "permission_denied" });
    expect(to.count("write")).toBe(0);
  });
});

it("the source's checksum is known to the target before the first byte", async () => {
  const { source, target, to } = memoryEnds();
  const { checksum } = await source.put("large", Buffer.alloc(2_000_000, 7));
  const expected: unknown[] = [];
  const write = to.write.bind(to);
  to.write = (key, body, options) => {
    expected.push(body.expected);
    return write(key, body, options);
  };
  await run({ source, target: target.with(...stack({ retry: {}, timeoutMs: 30_000 })) });
  expect(expected).toEqual([checksum]);
});

describe("a signal", () => {
  it("stops the transfer; what was copied counts, what was not is no failure", async () => {
    const { source, target, to } = memoryEnds();
    await fill(source, 30);
    const interrupt = new AbortController();
    to.onCall = ({ verb }) => {
      if (verb === "write" && to.count("write") === 10) interrupt.abort();
    };
    const { copied, unchanged, failures } = await run({ source, target, signal: interrupt.signal });
    const there = (await contentsOf(target)).size;
    expect([unchanged, failures]).toEqual([0, []]);
    expect(copied).toBeLessThan(30);
    expect(there).toBeGreaterThanOrEqual(copied);
    expect(await run({ source, target })).toMatchObject({ copied: 30 - there, unchanged: there });
    await expectSame(source, target);
  });
});

describe("with verification", () => {
  it("everything at the target is read back", async () => {
    const { source, target, to } = memoryEnds();
    await fill(source, 12);
    await run({ source, target, prefix: "t/1/" });
    to.forget();
    await run({ source, target, isVerified: true });
    expect(new Set(to.calls.filter(({ verb }) => verb === "read").map(({ key }) => key)).size).toBe(12);
  });

  it("what is damaged at the target is copied again", async () => {
    const { source, target, to } = memoryEnds();
    await source.put("k", "right");
    await run({ source, target });
    to.given = Buffer.from("wrong");
    to.onCall = ({ verb }) => {
      if (verb === "write") to.given = undefined;
    };
    expect(await run({ source, target })).toMatchObject({ copied: 0, unchanged: 1 });
    expect(await run({ source, target, isVerified: true })).toMatchObject({ copied: 1, unchanged: 0 });
  });

  it("an object that is not what was written is a failure", async () => {
    const { source, target, to } = memoryEnds();
    await source.put("k", "right");
    to.given = Buffer.from("wrong");
    const { failures } = await run({ source, target, isVerified: true });
    expect(failures).toMatchObject([{ key: "k", error: { code: "checksum_mismatch" } }]);
  });
});

describe("where a checksum is not known", () => {
  it.each(["source", "target", "both"])("at %s, the content is read and compared", async (where) => {
    const { source, target, from, to } = memoryEnds();
    await source.put("same", "12345");
    await source.put("differs", "12345");
    await target.put("same", "12345", { contentType: (await source.getMetadata("same")).contentType });
    await target.put("differs", "54321", { contentType: (await source.getMetadata("differs")).contentType });
    from.knowsChecksums = where === "target";
    to.knowsChecksums = where === "source";
    expect(await run({ source, target })).toMatchObject({ copied: 1, unchanged: 1, failures: [] });
    expect(Buffer.from(await target.get("differs")).toString()).toBe("12345");
  });
});
