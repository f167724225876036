import { mkdtemp, realpath, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

let folder: string;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "svc-infra-base-")));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function check(basePath: string): Promise<void> {
  await using storage = new Storage(new LocalBackend({ basePath }));
  await storage.check();
}

describe("the base path of the local backend", () => {
  it("is made with the folders above it", async () => {
    await expect(check(join(folder, "a/b/c"))).resolves.toBeUndefined();
  });

  it("may be a link to a folder", async () => {
    await symlink(folder, join(folder, "link"));
    await expect(check(join(folder, "link"))).resolves.toBeUndefined();
  });

  it.each([
    ["a file", "file"],
    ["below a file", "file/below"],
  ])("that is %s is a configuration error naming the variable", async (_what, path) => {
    await writeFile(join(folder, "file"), "");
    await expect(check(join(folder, path))).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringContaining("STORAGE_BASE_PATH"),
    });
  });

  it("that cannot be one closes the source of a put", async () => {
    await writeFile(join(folder, "file"), "");
    await using storage = new Storage(new LocalBackend({ basePath: join(folder, "file") }));
    const cancel = vi.fn();
    const source = new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(100_000)), cancel });
    await expect(storage.put("a", source)).rejects.toMatchObject({ code: "configuration" });
    await vi.waitFor(() => expect(cancel).toHaveBeenCalledOnce());
  });

  it.each([
    ["is the working directory", () => process.cwd()],
    ["holds the working directory", () => join(process.cwd(), "..")],
    ["holds this package", () => join(process.cwd(), "dist")],
    ["holds a .env", () => folder],
  ])("that %s is a configuration error naming the variable", async (_what, pathOf) => {
    await writeFile(join(folder, ".env"), "A=1");
    await expect(check(pathOf())).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringContaining("STORAGE_BASE_PATH"),
    });
  });

  it("may hold a .env that was stored as an object, settled or not", async () => {
    {
      await using storage = new Storage(new LocalBackend({ basePath: folder }));
      await storage.put(".env", "an object");
    }
    await using storage = new Storage(new LocalBackend({ basePath: folder }));
    expect(new TextDecoder().decode(await storage.get(".env"))).toBe("an object");
    // As a writer leaves it that is killed right after its rename.
    await rename(join(folder, ".svc-infra/meta/.env.meta.json"), join(folder, ".svc-infra/pending/.env"));
    await using next = new Storage(new LocalBackend({ basePath: folder }));
    expect(await next.delete(".env")).toBe(true);
  });

  it.runIf(process.platform === "linux")("where no folder can be made fails at once", async () => {
    await expect(check("/proc/nowhere/below")).rejects.toMatchObject({ code: "configuration" });
  });
});
