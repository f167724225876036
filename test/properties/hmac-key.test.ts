import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { HmacKey } from "#dist/storage/backends/s3/wire/hmac-key.js";

const key = fc.uint8Array({ maxLength: 64 });
const text = fc.string({ unit: "binary", maxLength: 1000, size: "max" });
const texts = fc.array(text, { minLength: 1, maxLength: 4 });

it("the digests of one key are those of HMAC-SHA-256, of short and of long texts, one after the other", () => {
  fc.assert(
    fc.property(key, texts, (bytes, all) => {
      const own = new HmacKey(bytes);
      const expected = all.map((text) => createHmac("sha256", bytes).update(text).digest("hex"));
      expect(all.map((text) => own.digest(text))).toEqual(expected);
    }),
    { numRuns: 500, endOnFailure: true },
  );
});
