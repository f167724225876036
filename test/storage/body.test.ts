import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { checksumOf, type Digest, InfectedError, StorageError } from "svc-infra/storage";
import { describe, expect, it } from "vitest";
import { BufferedBody, StreamBody } from "#dist/storage/content/body.js";
import type { Check } from "#dist/storage/content/check.js";

const noRules = { maxBytes: Number.POSITIVE_INFINITY, size: undefined, checksum: undefined };
const text = (bytes: Iterable<Uint8Array>) => Buffer.concat([...bytes]).toString();

async function* pieces(...parts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

async function drain(
  body: StreamBody | BufferedBody,
): Promise<{ seen: Uint8Array[]; code: string | undefined }> {
  const seen: Uint8Array[] = [];
  try {
    for await (const piece of body.open()) seen.push(piece);
    return { seen, code: undefined };
  } catch (error) {
    return { seen, code: error instanceof StorageError ? error.code : String(error) };
  }
}

describe("content that streams by", () => {
  it("comes out as it went in, without empty pieces, with its checksum", async () => {
    const body = new StreamBody(pieces("ab", "", "c"), noRules);
    const { seen } = await drain(body);
    expect(text(seen)).toBe("abc");
    expect(seen.every((piece) => piece.byteLength > 0)).toBe(true);
    expect(body.checksum()).toBe(checksumOf(Buffer.from("abc")));
  });

  it("comes with no checksum after forgoChecksum(), but still by its rules", async () => {
    const expected = checksumOf(Buffer.from("abc"));
    const body = new StreamBody(pieces("ab", "d"), { ...noRules, checksum: expected });
    body.forgoChecksum();
    expect(await drain(body)).toMatchObject({ code: "checksum_mismatch" });
    expect(() => body.checksum()).toThrow("after forgoChecksum");
  });

  it("still has the start that was looked at", async () => {
    const body = new StreamBody(pieces("ab", "cd", "ef"), noRules);
    expect(text([await body.head(3)])).toBe("abc");
    expect(text((await drain(body)).seen)).toBe("abcdef");
  });

  it.each([
    ["too many bytes", { maxBytes: 3 }, "too_large"],
    ["fewer bytes than announced", { size: 9 }, "invalid_argument"],
    ["more bytes than announced", { size: 2 }, "invalid_argument"],
    ["another crc32", { checksum: checksumOf(Buffer.from("x")) }, "checksum_mismatch"],
    ["another sha256", { checksum: checksumOf(Buffer.from("x"), "sha256") }, "checksum_mismatch"],
  ])("never gives out its last piece with %s", async (_what, rules, code) => {
    const outcome = await drain(new StreamBody(pieces("ab", "cd"), { ...noRules, ...rules }));
    expect(outcome.code).toBe(code);
    expect(text(outcome.seen)).not.toContain("cd");
  });

  it("passes with exactly the bytes and the checksum that were announced", async () => {
    const rules = { maxBytes: 4, size: 4, checksum: checksumOf(Buffer.from("abcd"), "sha256") };
    expect((await drain(new StreamBody(pieces("ab", "cd"), rules))).code).toBeUndefined();
  });

  it.each([
    ["sha512", createHash("sha512")],
    ["md5", createHash("md5")],
  ])("and by its %s", async (name, hash) => {
    const digests = [`${name}:${hash.update("abcd").digest("hex")}` as Digest];
    expect((await drain(new StreamBody(pieces("ab", "cd"), { ...noRules, digests }))).code).toBeUndefined();
    const other = await drain(new StreamBody(pieces("ab", "ce"), { ...noRules, digests }));
    expect([text(other.seen), other.code]).toEqual(["ab", "checksum_mismatch"]);
  });

  it("withholds its last piece until a further check has passed, however long that takes", async () => {
    const body = new StreamBody(pieces("ab", "cd"), noRules);
    const claim = { key: "k", contentType: "a/b", filename: undefined, metadata: {}, size: undefined };
    const heard: string[] = [];
    const slow: Check = {
      begin: (head) => `seen/${Buffer.from(head)}`,
      pass: async (piece) => void heard.push(String(Buffer.from(piece))),
      end: () => Promise.reject(new InfectedError({ message: "found" })),
      cancel: () => void heard.push("cancelled"),
    };
    expect(await body.begin([slow], claim)).toBe("seen/abcd");
    const { seen, code } = await drain(body);
    expect([text(seen), code, heard]).toEqual(["ab", "infected", ["ab", "cd", "cancelled"]]);
  });

  it("is read once", async () => {
    const body = new StreamBody(pieces("a"), noRules);
    await drain(body);
    expect((await drain(body)).code).toBe("invalid_argument");
  });

  it("destroys a stream that will not be read, peeked at or not", async () => {
    for (const look of [false, true]) {
      const source = Readable.from([Buffer.from("a"), Buffer.from("b")]);
      const body = new StreamBody(source, noRules);
      if (look) await body.head(1);
      await body.discard();
      expect(source.destroyed).toBe(true);
    }
  });

  it("destroys its source when the reader stops early", async () => {
    const source = Readable.from([Buffer.from("a"), Buffer.from("b"), Buffer.from("c")]);
    for await (const _ of new StreamBody(source, noRules).open()) break;
    expect(source.destroyed).toBe(true);
  });

  it("takes text pieces and refuses anything else", async () => {
    expect(text((await drain(new StreamBody(Readable.from(["ü"]), noRules))).seen)).toBe("ü");
    expect((await drain(new StreamBody(Readable.from([{}]), noRules))).code).toBe("invalid_argument");
  });
});

describe("content in memory", () => {
  it("is refused before anything is written", () => {
    const bytes = Buffer.from("abcd");
    expect(() => new BufferedBody(bytes, { ...noRules, maxBytes: 3 }).admit()).toThrow(/larger than 3/);
    expect(() => new BufferedBody(bytes, { ...noRules, size: 3 }).admit()).toThrow(/announced/);
    expect(() =>
      new BufferedBody(bytes, { ...noRules, checksum: checksumOf(Buffer.from("x")) }).admit(),
    ).toThrow(/expected/);
  });

  it("can be opened again", async () => {
    const body = new BufferedBody(Buffer.from("abc"), noRules);
    expect(text((await drain(body)).seen) + text((await drain(body)).seen)).toBe("abcabc");
  });
});
