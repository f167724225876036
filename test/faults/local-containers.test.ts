import { execFile, spawnSync } from "node:child_process";
import { readdir, realpath, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { thisOwner } from "#dist/storage/backends/local/record/lock-owner.js";
import { freshStorage } from "../storage/local/fresh-store.js";

const run = promisify(execFile);
const visitor = fileURLToPath(new URL("./local-visitor.js", import.meta.url));
const inside = ["-p", "-f", "--mount-proc"];
const isPermitted = process.platform === "linux" && spawnSync("unshare", [...inside, "true"]).status === 0;
const why = isPermitted ? "" : " (needs the right to make a pid namespace)";

describe("two containers with one host name on one folder", () => {
  it(`take neither each other's locks nor each other's temporary files for left behind${why}`, async ({
    skip,
  }) => {
    if (!isPermitted) skip(why);
    const { base, storage } = await freshStorage();
    await storage.put("locked", "ours");
    const lock = {
      format: 1,
      key: "locked",
      holder: thisOwner(await realpath(base)),
      version: "0".repeat(24),
    };
    await writeFile(join(base, ".svc-infra/pending/locked"), JSON.stringify(lock));
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* slow() {
      yield Buffer.alloc(200_000);
      yield Buffer.alloc(100_000);
      await held;
    }
    const upload = storage.put("slow", slow());
    const temps = join(base, ".svc-infra/tmp");
    while ((await readdir(temps)).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    const { stdout } = await run("unshare", [...inside, process.execPath, visitor, base, "locked"]);
    expect(stdout).toBe("timeout");
    expect(await readdir(temps)).toHaveLength(1);
    release();
    expect((await upload).size).toBe(300_000);
  });
});
