import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseKey, Storage, type StorageBackend } from "svc-infra/storage";
import { expect, it } from "vitest";
import { makeBackend } from "../../acceptance/service.js";

const inEightDays = () => new Date(Date.now() + 8 * 86_400_000);
const plain = { contentType: "text/plain", filename: undefined, metadata: {}, signal: undefined };

async function keysUnderWay(backend: StorageBackend): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of backend.unfinished({ signal: undefined })) keys.push(key);
  return keys;
}

it("a dry run of a sweep removes nothing from a local folder", async () => {
  const { backend, basePath = "", remove } = await makeBackend("local");
  const storage = new Storage(backend);
  await storage.put("a", "content");
  const left = join(basePath, ".svc-infra/tmp/left-by-a-dead-process");
  writeFileSync(left, "left");
  await storage.sweep({ dryRun: true });
  expect(existsSync(left)).toBe(true);
  await storage.sweep();
  expect(existsSync(left)).toBe(false);
  await remove();
});

it("an upload that cannot be aborted keeps no other from being removed, and is told", async () => {
  const { backend } = await makeBackend("memory");
  for (const key of ["a", "b", "c"]) await backend.createUpload(parseKey(key), plain);
  const refusing = new Proxy(backend, {
    get: (target, name) => {
      const value = Reflect.get(target, name, target);
      if (name !== "abortUpload") return typeof value === "function" ? value.bind(target) : value;
      return async (key: string, ...rest: unknown[]) => {
        if (key === "a") throw new Error("the service refuses it");
        return value.apply(target, [key, ...rest]);
      };
    },
  });
  const sweep = new Storage(refusing).sweep({ now: inEightDays() });
  await expect(sweep).rejects.toThrow("the backend failed");
  expect(await keysUnderWay(backend)).toEqual(["a"]);
  expect(await new Storage(backend).sweep({ now: inEightDays() })).toMatchObject({ uploads: 1 });
});
