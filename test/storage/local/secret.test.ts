import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parseKey } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { describe, expect, it } from "vitest";
import { thisOwner } from "#dist/storage/backends/local/record/lock-owner.js";
import { keptSecret } from "#dist/storage/backends/local/secret.js";
import { Store } from "#dist/storage/backends/local/store.js";
import { freshFolder, freshStorage } from "./fresh-store.js";

const run = promisify(execFile);
const signer = fileURLToPath(new URL("./secret-signer.js", import.meta.url));
const planted = "0123456789abcdef".repeat(4);
const asked = {
  method: "get",
  expiresAt: new Date(2e12),
  download: false,
  filename: undefined,
  contentType: undefined,
  transform: undefined,
} as const;

describe("a kept secret", () => {
  it("is made once, so restarts and siblings sign alike", async () => {
    const basePath = await freshFolder();
    const siblings = Array.from({ length: 8 }, () => new LocalBackend({ basePath }));
    const urls = await Promise.all(siblings.map(async (each) => (await each.sign(parseKey("a/b"), asked))()));
    await Promise.all(siblings.map((each) => each.close()));
    expect(new Set(urls).size).toBe(1);
    const path = join(basePath, ".svc-infra/secret");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, "utf8")).toMatch(/^[0-9a-f]{64}\n$/);
  });

  it("is the same for two processes that make it at once", async () => {
    const bases = await Promise.all(Array.from({ length: 20 }, freshFolder));
    const startMs = String(Date.now() + 1500);
    const racers = [1, 2].map(() => run(process.execPath, [signer, startMs, ...bases]));
    const [one, other] = (await Promise.all(racers)).map(({ stdout }) => JSON.parse(stdout));
    expect(one).toHaveLength(bases.length);
    expect(one).toEqual(other);
  });

  it("that is there is used and left alone", async () => {
    const { base } = await freshStorage();
    await mkdir(join(base, ".svc-infra"));
    await writeFile(join(base, ".svc-infra/secret"), `${planted}\n`);
    const backend = new LocalBackend({ basePath: base });
    const url = (await backend.sign(parseKey("a/b"), asked))();
    const same = new LocalBackend({ basePath: await freshFolder(), secrets: [planted] });
    expect(url).toBe((await same.sign(parseKey("a/b"), asked))());
    await Promise.all([backend.close(), same.close()]);
    expect(await readFile(join(base, ".svc-infra/secret"), "utf8")).toBe(`${planted}\n`);
  });

  it("that appears while another is being made is not overwritten", async () => {
    const { base, storage } = await freshStorage();
    await storage.check();
    class Late extends Store {
      /** Another process is faster by this much. */
      override newTemp(): string {
        writeFileSync(this.layout.secret, `${planted}\n`);
        return super.newTemp();
      }
    }
    const late = new Late({ base, owner: thisOwner(base), isDurable: false, unfolds: false });
    expect(await keptSecret(late)).toBe(planted);
    expect(await readFile(join(base, ".svc-infra/secret"), "utf8")).toBe(`${planted}\n`);
    expect(await readdir(join(base, ".svc-infra/tmp"))).toEqual([]);
  });
});
