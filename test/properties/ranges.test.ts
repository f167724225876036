import fc from "fast-check";
import { Storage } from "svc-infra/storage";
import { oddPieces, sampleBytes } from "svc-infra/storage/conformance";
import { MemoryBackend } from "svc-infra/storage/memory";
import { expect, it } from "vitest";

const size = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1_000_000, max: 1_200_000 }));

it("a range is a slice, or invalid_range when it holds no byte", async () => {
  const storage = new Storage(new MemoryBackend());
  await fc.assert(
    fc.asyncProperty(size, fc.nat(1_300_000), fc.option(fc.nat(1_300_000)), async (length, first, more) => {
      const bytes = sampleBytes(length);
      await storage.put("a", bytes);
      const range = { start: first, end: more === null ? undefined : first + more };
      const expected = bytes.subarray(range.start, range.end === undefined ? undefined : range.end + 1);
      const opening = storage.open("a", { range });
      if (expected.length === 0) {
        await expect(opening).rejects.toMatchObject({ code: "invalid_range" });
        return;
      }
      expect(Buffer.compare(await (await opening).body.bytes(), expected)).toBe(0);
    }),
  );
});

it("a suffix is the end, or invalid_range when it holds no byte", async () => {
  const storage = new Storage(new MemoryBackend());
  await fc.assert(
    fc.asyncProperty(size, fc.nat(1_300_000), async (length, suffix) => {
      const bytes = sampleBytes(length);
      await storage.put("a", oddPieces(bytes));
      const opening = storage.open("a", { range: { suffix } });
      if (suffix === 0 || length === 0) {
        await expect(opening).rejects.toMatchObject({ code: "invalid_range" });
        return;
      }
      const expected = bytes.subarray(Math.max(0, length - suffix));
      expect(Buffer.compare(await (await opening).body.bytes(), expected)).toBe(0);
    }),
  );
});
