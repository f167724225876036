import fc from "fast-check";
import { expect, it } from "vitest";
import { parseMetadata, storedFilename, storedMetadata } from "#dist/storage/contract/metadata.js";

it("of stored pairs those are shown that could be put, with their names in lower case", () => {
  const pairs: [string, string][] = [
    ["Owner", "Zoë"],
    ["empty", ""],
    ["split", "a\r\nset-cookie: b"],
    ["nul", "\u0000"],
    ["surrogate", "\ud800"],
    ["dotted.name", "x"],
    ["na\nme", "x"],
    ["__proto__", "x"],
    ["constructor", "x"],
    ["", "x"],
  ];
  expect(storedMetadata(pairs)).toEqual({ owner: "Zoë", empty: "" });
});

it("what is shown of stored pairs can always be put again, and is what was put", () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.stringMatching(/^[a-z0-9_-]{1,64}$/));
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { maxLength: 10 }), (pairs) => {
      const shown = storedMetadata(pairs);
      expect(parseMetadata(shown)).toEqual(shown);
      expect(storedMetadata(Object.entries(shown))).toEqual(shown);
    }),
  );
});

it("a stored name of a file is shown when it could be put", () => {
  const names = ["名前.pdf", undefined, "", "a\nb", "\ud800", "x".repeat(256)];
  expect(names.map(storedFilename)).toEqual(["名前.pdf", ...Array(5).fill(undefined)]);
});
