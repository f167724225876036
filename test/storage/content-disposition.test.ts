import { expect, test } from "vitest";
import { contentDisposition } from "#dist/storage/content/content-disposition.js";

test.each([
  ["plain.txt", 'filename="plain.txt"'],
  ["with space (1).txt", 'filename="with space (1).txt"'],
  ["naïve.txt", "filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt"],
  ["請求書.pdf", "filename=\"_.pdf\"; filename*=UTF-8''%E8%AB%8B%E6%B1%82%E6%9B%B8.pdf"],
  ['a"b.txt', 'filename="a\\"b.txt"; filename*=UTF-8\'\'a%22b.txt'],
  ["100%41.txt", "filename=\"100_41.txt\"; filename*=UTF-8''100%2541.txt"],
  ["é'(*).txt", "filename=\"_'(*).txt\"; filename*=UTF-8''%C3%A9%27%28%2A%29.txt"],
  ["dir/../a.txt", 'filename="a.txt"'],
  ["C:\\dir\\a.txt", 'filename="a.txt"'],
  ["a\r\nSet-Cookie: x", "filename=\"aSet-Cookie: x\"; filename*=UTF-8''aSet-Cookie%3A%20x"],
  ["\u202eexe.txt", 'filename="exe.txt"'],
  ["\ud800.txt", "filename=\"_.txt\"; filename*=UTF-8''%EF%BF%BD.txt"],
  ["\0\x1f\x7f", 'filename="file"'],
  ["", 'filename="file"'],
  ["a/", 'filename="file"'],
])("%j", (name, expected) => {
  expect(contentDisposition("attachment", name)).toBe(`attachment; ${expected}`);
});

test("of any name the header is printable ASCII of bounded length", () => {
  for (let code = 0; code < 0x3000; code += 1) {
    const header = contentDisposition("inline", `${String.fromCharCode(code)}x`);
    expect(header).toMatch(
      /^inline; filename="(?:[^"\\]|\\["\\])*"(?:; filename\*=UTF-8''[A-Za-z0-9!#$&+.^_`|~%-]+)?$/,
    );
    expect(header).toMatch(/^[\x20-\x7e]+$/);
  }
  const long = contentDisposition("inline", `${"界".repeat(1000)}.pdf`);
  expect(long.length).toBeLessThan(1200);
  expect(decodeURIComponent(long.split("''")[1] ?? "")).toMatch(/^界+\.pdf$/);
});
