import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseKey } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { expect, it, onTestFinished, vi } from "vitest";
import { Sync } from "#dist/storage/backends/local/disk/sync.js";
import { freshStorage, outcomeOf } from "./fresh-store.js";

it("uploads that end while all are listed are passed over", async () => {
  const basePath = mkdtempSync(join(tmpdir(), "unfinished-"));
  onTestFinished(() => rmSync(basePath, { recursive: true }));
  const backend = new LocalBackend({ basePath });
  onTestFinished(() => backend.close());
  const key = parseKey("a");
  const none = { signal: undefined };
  for (let round = 0; round < 20; round++) {
    const begun = Array.from({ length: 20 }, () =>
      backend.createUpload(key, { contentType: "text/plain", filename: undefined, metadata: {}, ...none }),
    );
    const ids = await Promise.all(begun);
    const listing = (async () => {
      const found: string[] = [];
      for await (const { uploadId } of backend.unfinished(none)) found.push(uploadId);
      return found;
    })();
    await Promise.all(ids.map((id) => backend.abortUpload(key, id, none)));
    expect(ids).toEqual(expect.arrayContaining(await listing));
  }
});

it("uploads are listed after their empty folder was cleared away", async () => {
  const { base, storage } = await freshStorage();
  await storage.put("a", "x");
  await rm(join(base, ".svc-infra/multipart"), { recursive: true });
  await expect(storage.sweep()).resolves.toBeDefined();
});

it("an upload that cannot begin leaves nothing", async () => {
  const { base, storage } = await freshStorage();
  await storage.put("a", "x");
  vi.spyOn(Sync.prototype, "folder").mockRejectedValueOnce(new Error("the disk is full"));
  onTestFinished(() => void vi.restoreAllMocks());
  await expect(storage.createUpload("b")).rejects.toThrow();
  expect(readdirSync(join(base, ".svc-infra/tmp"))).toEqual([]);
});

it("a folder that became an object has nothing left to sync", async () => {
  const { base } = await freshStorage();
  writeFileSync(join(base, "a"), "");
  expect(await outcomeOf(new Sync(true).folder(join(base, "a/b")))).toBe("done");
});
