import fc from "fast-check";

const segment = fc
  .string({ unit: fc.constantFrom(..."abAB09-_."), minLength: 1, maxLength: 8 })
  .filter((text) => text !== "." && !text.includes(".."));

/** Keys that the rules allow. */
export const validKey: fc.Arbitrary<string> = fc
  .array(segment, { minLength: 1, maxLength: 4 })
  .map((segments) => segments.join("/"))
  .filter((key) => !key.includes(".."));

/** A few keys that are each other's neighbours in every order one could think of, so that programs meet them again. */
export const neighbourKey: fc.Arbitrary<string> = fc.constantFrom(
  "a.b",
  "a-b",
  "b/a",
  "b/a.b",
  "b/c/d",
  "b0",
  "B",
  "ba",
  "__proto__",
);
