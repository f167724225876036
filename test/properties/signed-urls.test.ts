import fc from "fast-check";
import { parseKey, UrlSigner } from "svc-infra/storage";
import { describe, expect, it } from "vitest";
import { validKey } from "./arbitraries.js";

const now = 1_800_000_000_000;
const signer = new UrlSigner({
  baseUrl: "https://example.com/files",
  secrets: ["s".repeat(32)],
  now: () => now,
});

const text = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
  .filter((each) => each.isWellFormed());
const options = fc.record({
  method: fc.constantFrom<"get" | "put">("get", "put"),
  expiresAt: fc.integer({ min: 1, max: 604_800 }).map((seconds) => new Date(now + seconds * 1000)),
  download: fc.boolean(),
  filename: fc.option(text, { nil: undefined }),
  contentType: fc.option(text, { nil: undefined }),
  transform: fc.constant(undefined),
});

function partsOf(url: string): { readonly key: string; readonly query: string } {
  const [path = "", query = ""] = url.slice("https://example.com/files/".length).split("?");
  return { key: path, query };
}

function sorted(query: string): string {
  const parameters = new URLSearchParams(query);
  parameters.sort();
  return parameters.toString();
}

describe("a signed URL", () => {
  it("says what was signed", () => {
    fc.assert(
      fc.property(validKey, options, (key, signed) => {
        const { query } = partsOf(signer.sign(parseKey(key), signed));
        expect(signer.verify(signed.method, parseKey(key), query)).toEqual({ key, ...signed });
      }),
    );
  });

  it("allows nothing when any one of its characters is another", () => {
    const character = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 1 });
    fc.assert(
      fc.property(validKey, options, fc.nat(), character, (key, signed, position, other) => {
        const { query } = partsOf(signer.sign(parseKey(key), signed));
        const at = position % query.length;
        fc.pre(query[at] !== other);
        const changed = query.slice(0, at) + other + query.slice(at + 1);
        // Escapes of either case are the same parameters.
        fc.pre(sorted(changed) !== sorted(query));
        expect(signer.verify(signed.method, parseKey(key), changed)).toBeUndefined();
      }),
      { numRuns: 2000 },
    );
  });

  it("allows nothing when a character is missing, doubled or a parameter is added", () => {
    const addition = fc.constantFrom(
      "&download=1",
      "&",
      "&expires=99999999999",
      "&x=y",
      "#",
      "&signature=A",
      "%00",
      " ",
    );
    fc.assert(
      fc.property(validKey, options, fc.nat(), addition, (key, signed, position, added) => {
        const { query } = partsOf(signer.sign(parseKey(key), signed));
        const at = position % query.length;
        const changes = [
          query.slice(0, at) + query.slice(at + 1),
          query.slice(0, at) + added + query.slice(at),
        ];
        for (const changed of [...changes, query + added]) {
          if (sorted(changed) === sorted(query)) continue;
          expect(signer.verify(signed.method, parseKey(key), changed)).toBeUndefined();
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("allows nothing for another key or another method", () => {
    fc.assert(
      fc.property(validKey, validKey, options, (key, other, signed) => {
        const { query } = partsOf(signer.sign(parseKey(key), signed));
        const method = signed.method === "get" ? "put" : "get";
        expect(signer.verify(method, parseKey(key), query)).toBeUndefined();
        if (other !== key) expect(signer.verify(signed.method, parseKey(other), query)).toBeUndefined();
      }),
    );
  });

  it("allows nothing with any query that was not signed", () => {
    fc.assert(
      fc.property(validKey, fc.string({ unit: "binary" }), (key, query) => {
        expect(signer.verify("get", parseKey(key), query)).toBeUndefined();
      }),
    );
  });
});
