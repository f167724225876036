import { Storage } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterEach, expect, it, vi } from "vitest";

afterEach(() => vi.useRealTimers());

function fresh() {
  const backend = new MemoryBackend({ baseUrl: "http://127.0.0.1:1/files" });
  const made = vi.spyOn(backend, "sign");
  return { storage: new Storage(backend), made };
}

it("the URL of a put is a property like the others", async () => {
  const { storage } = fresh();
  const stored = await storage.put("a.txt", "content");
  expect(Object.keys(stored)).toContain("url");
  expect({ ...stored }.url).toMatch(/^http:\/\/127\.0\.0\.1:1\/files\/a\.txt\?expires=[0-9]+&signature=/);
  expect(JSON.parse(JSON.stringify(stored)).url).toBe(stored.url);
});

it("the URL lives for an hour from the put, whenever it is looked at", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: 1_800_000_000_000 });
  const { storage } = fresh();
  const stored = await storage.put("a.txt", "content");
  const copied = await storage.copy("a.txt", "b.txt");
  vi.setSystemTime(1_800_000_900_000);
  for (const { url } of [stored, copied]) expect(url).toContain("?expires=1800003600&");
});

it.each([
  ["in the same second", 999, 1_800_003_600],
  ["in the next second", 1000, 1_800_003_601],
  ["after the clock was set back", -1, 1_800_003_599],
])("each put has an hour of its own: %s", async (_when, laterMs, expires) => {
  vi.useFakeTimers({ toFake: ["Date"], now: 1_800_000_000_000 });
  const { storage } = fresh();
  await storage.put("a.txt", "content");
  vi.setSystemTime(1_800_000_000_000 + laterMs);
  expect((await storage.put("b.txt", "content")).url).toContain(`?expires=${expires}&`);
});

it("a signer that cannot sign leaves nothing stored", async () => {
  const { storage, made } = fresh();
  made.mockRejectedValue(new Error("no secret"));
  await expect(storage.put("a.txt", "content")).rejects.toMatchObject({ code: "unknown" });
  expect(await storage.exists("a.txt")).toBe(false);
});
