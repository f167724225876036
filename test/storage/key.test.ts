import { InvalidKeyError, isKey, parseKey, parsePrefix, safeKey } from "svc-infra/storage";
import { describe, expect, it } from "vitest";

const refused: readonly unknown[] = [
  "",
  "/",
  "/a",
  "a/",
  "a//b",
  ".",
  "./a",
  "a/./b",
  "a/.",
  "..",
  "../a",
  "a/../b",
  "a..b",
  "a\n",
  "a b",
  "a\\b",
  "a%2fb",
  "ä",
  "a\0",
  ".svc-infra",
  ".svc-infra/secret",
  "x".repeat(1025),
  undefined,
  null,
  7,
  {},
  ["a"],
  Object("a"),
];

describe("a key", () => {
  it.each(refused.map((raw) => [raw]))("is refused: %j", (raw) => {
    expect(() => parseKey(raw)).toThrow(InvalidKeyError);
    expect(isKey(raw)).toBe(false);
  });

  it.each([
    "a",
    "a.b",
    "a/b",
    "-",
    "_",
    "a.",
    ".a",
    "a/.svc-infra/b",
    "__proto__",
    "constructor",
    "007",
    "x".repeat(1024),
  ])("is taken as it is: %s", (raw) => {
    expect(parseKey(raw)).toBe(raw);
  });

  it("is named in the error in a way that cannot break a log line", () => {
    expect(() => parseKey("a\u001b[31m\nb")).toThrow(/"a\\u001b\[31m\\nb"/);
    expect(() => parseKey("a\u009b\u202eb")).toThrow(/"a\\u\{9b\}\\u\{202e\}b"/);
  });
});

describe("a prefix", () => {
  it.each(["", "a", "a/", "a/b", "a/b."])("is taken: %j", (raw) => {
    expect(parsePrefix(raw)).toBe(raw);
  });

  it.each(["/", "//", "a//", "../", "a/../", "*", "a%", ".svc-infra/", ".svc-infra/meta"])(
    "is refused: %j",
    (raw) => {
      expect(() => parsePrefix(raw)).toThrow(InvalidKeyError);
    },
  );
});

describe("safeKey", () => {
  it.each([
    ["Überraschung für Zoë.PDF", "Uberraschung-fur-Zoe.PDF"],
    ["報告書.pdf", "file-0cd83b5e.pdf"],
    ["Q3 報告書.pdf", "Q3-2a5837c6.pdf"],
    [".env", "env"],
    ["archive.tar.gz", "archive.tar.gz"],
    ["½.txt", "1-2.txt"],
    ["..\\..\\x y.txt", "x-y.txt"],
    ["../../etc/passwd", "passwd"],
    ["...", "file"],
    ["a..b.txt", "a.b.txt"],
    ["", "file"],
    ["😀", "file"],
  ])("makes of %j the key %j", (name, key) => {
    expect(safeKey(name)).toBe(key);
  });

  it("tells names apart whose letters are outside the alphabet", () => {
    expect(safeKey("報告書.pdf")).not.toBe(safeKey("請求書.pdf"));
    expect(safeKey("é.txt")).toBe(safeKey("e\u0301.txt"));
  });

  it("keeps the extension of a name that is far too long", () => {
    const key = safeKey(`${"x".repeat(400)}.jpeg`);
    expect(key).toHaveLength(200);
    expect(key.endsWith(".jpeg")).toBe(true);
  });

  it("is a key wherever a long name is cut, and keeps its hash", () => {
    for (let count = 90; count <= 130; count += 1) {
      for (const end of ["pdf", "-", "x".repeat(30), ""])
        expect(isKey(safeKey(`${"a.".repeat(count)}${end}`))).toBe(true);
    }
    const long = "x".repeat(220);
    expect(safeKey(`${long}報告書.pdf`)).not.toBe(safeKey(`${long}請求書.pdf`));
    expect(safeKey(`${long}報告書.pdf`)).toMatch(/^x+-[0-9a-f]{8}\.pdf$/);
  });
});
