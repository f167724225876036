import fc from "fast-check";
import { Storage } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { expect, it } from "vitest";

const name = fc
  .string({ unit: fc.constantFrom(..."abcxyz019-_"), minLength: 1, maxLength: 12 })
  .filter((text) => !["__proto__", "constructor", "prototype"].includes(text));
const value = fc
  .string({ unit: "grapheme", maxLength: 30 })
  .filter((text) => !/\p{Cc}/u.test(text) && text.isWellFormed());

it("metadata and the file's name come back unchanged, through copies too", async () => {
  const storage = new Storage(new MemoryBackend());
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(name, value, { maxKeys: 10, noNullPrototype: true }),
      value.filter((text) => text !== "" && Buffer.byteLength(text) <= 255),
      async (metadata, filename) => {
        await storage.put("a", "content", { metadata, filename });
        await storage.copy("a", "b");
        for (const key of ["a", "b"]) {
          const stat = await storage.getMetadata(key);
          expect([{ ...stat.metadata }, stat.filename]).toEqual([metadata, filename]);
        }
      },
    ),
  );
});
