import { spawnSync } from "node:child_process";
import { lstat, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { LocalBackend } from "svc-infra/storage/local";
import { describe, expect, it, onTestFinished } from "vitest";
import { freshStorage, outcomeOf, textOf } from "./fresh-store.js";

function make(command: string, ...args: string[]): void {
  expect(spawnSync(command, args).status).toBe(0);
}

/** A socket file stays only as long as somebody listens. */
async function listenAt(path: string): Promise<void> {
  const server = createServer().listen(path);
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve(undefined))));
}

const kinds: Record<string, (path: string) => unknown> = {
  pipe: (path) => make("mkfifo", path),
  socket: listenAt,
};
if (process.getuid?.() === 0) kinds.device = (path) => make("mknod", path, "c", "1", "5");

describe.each(Object.entries(kinds))("a %s in the base path", (_kind, plant) => {
  it("is no object to any reader, and a write replaces it", async () => {
    const { base, storage } = await freshStorage();
    await storage.put("ours", "x");
    const path = join(base, "planted");
    await plant(path);
    expect(await outcomeOf(storage.get("planted"))).toBe("not_found");
    expect(await outcomeOf(storage.getMetadata("planted"))).toBe("not_found");
    expect(await outcomeOf(storage.copy("planted", "copied"))).toBe("not_found");
    expect(await storage.exists("planted")).toBe(false);
    expect(await storage.delete("planted")).toBe(false);
    expect(await storage.listKeys()).toEqual(["ours"]);
    expect(await outcomeOf(storage.put("planted/below", "x"))).toBe("key_conflict");
    expect(await outcomeOf(storage.put("planted", "x", { ifAbsent: true }))).toBe("precondition_failed");
    expect((await lstat(path)).isFile()).toBe(false);
    await storage.copy("ours", "planted");
    expect(await textOf(storage.get("planted"))).toBe("x");
    await rm(path);
  });

  it("in place of the kept secret is an error and not waited for", async () => {
    const { base, storage } = await freshStorage();
    await storage.check();
    await plant(join(base, ".svc-infra/secret"));
    const backend = new LocalBackend({ basePath: base });
    onTestFinished(() => backend.close());
    await expect(backend.signer()).rejects.toThrow();
  });
});
