import fc from "fast-check";
import { InvalidKeyError, isKey, parseKey, parsePrefix, Storage } from "svc-infra/storage";
import { hostileKeys, operationsOf, RecordingBackend } from "svc-infra/storage/conformance";
import { MemoryBackend } from "svc-infra/storage/memory";
import { describe, expect, it } from "vitest";
import { validKey } from "./arbitraries.js";

/** The rules of keys, said in another way than the code does. */
function isAllowed(key: string): boolean {
  const segments = key.split("/");
  return (
    key.length <= 1024 &&
    !key.includes("..") &&
    !/^\.svc-infra\.*$/i.test(segments[0] ?? "") &&
    segments.every((segment) => segment !== "." && /^[A-Za-z0-9._-]+$/.test(segment))
  );
}

const anything = fc.oneof(
  fc.anything(),
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom("a", ".", "/", "-", "\\", "\0", "é", ".svc-infra") }),
  validKey,
);

const raw = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
  {
    weight: 3,
    arbitrary: fc.string({ unit: fc.constantFrom("a", ".", "..", "/", "//", "\\", "%2e", "\n", "é") }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(validKey, fc.constantFrom(...hostileKeys), validKey).map((each) => each.join("/")),
  },
  { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom("a", "/b"), minLength: 1025, maxLength: 1500 }) },
);

describe("parseKey", () => {
  it("takes exactly what the rules allow, and refuses all other values with InvalidKeyError", () => {
    fc.assert(
      fc.property(anything, (value) => {
        const allowed = typeof value === "string" && isAllowed(value);
        expect(isKey(value)).toBe(allowed);
        if (allowed) expect(parseKey(parseKey(value))).toBe(value);
        else expect(() => parseKey(value)).toThrow(InvalidKeyError);
      }),
      { numRuns: 2000 },
    );
  });

  it("never repeats a control character in its message", () => {
    fc.assert(
      fc.property(raw, (value) => {
        const message = isKey(value) ? "" : messageOf(() => parseKey(value));
        expect(message).not.toMatch(/\p{Cc}/u);
      }),
    );
  });

  it("allows as a prefix every start of a key that is not torn at a dot or a slash", () => {
    fc.assert(
      fc.property(validKey, fc.nat(), (key, at) => {
        const start = key.slice(0, at % (key.length + 1));
        if (/(?:^|\/)\.$|^\.svc-infra\.*$/i.test(start)) return;
        expect(parsePrefix(start)).toBe(start);
      }),
    );
  });
});

describe("hostile keys", () => {
  const recording = new RecordingBackend(new MemoryBackend());
  const storage = new Storage(recording);

  it.each(operationsOf(storage).map((operation) => [operation.name, operation] as const))(
    "%s refuses 500 of them, and none reaches the backend",
    async (_, { run, takesPrefix }) => {
      const hostile = raw.filter((key) => !isAllowed(key) && !(takesPrefix && isPrefix(key)));
      await fc.assert(
        fc.asyncProperty(hostile, async (key) => {
          await expect(run(storage, key)).rejects.toMatchObject({ code: "invalid_key", statusCode: 400 });
        }),
        { numRuns: 500 },
      );
      expect(recording.verbs).toEqual([]);
    },
  );
});

function isPrefix(text: string): boolean {
  return text === "" || text === "/" || isAllowed(text.replace(/\/$/, ""));
}

function messageOf(work: () => unknown): string {
  try {
    return String(work());
  } catch (error) {
    return String(error);
  }
}
