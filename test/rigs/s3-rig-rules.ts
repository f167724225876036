import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { s3Request } from "./s3-request.js";
import type { S3Rig } from "./s3-rig.js";

/** What a test that starts an S3 server may rely on. */
export function rigRules(name: "ceph" | "swift", start: () => Promise<S3Rig>): void {
  describe(name, () => {
    let rig: S3Rig;
    let another: S3Rig;
    beforeAll(async () => {
      [rig, another] = await Promise.all([start(), start()]);
    });
    afterAll(() => Promise.all([rig?.stop(), another?.stop()]));

    it("has a bucket of its own, although two run side by side", async () => {
      await rig.createBucket("of-the-first");
      expect((await s3Request(rig, "HEAD", "/of-the-first")).status).toBe(200);
      expect((await s3Request(another, "HEAD", "/of-the-first")).status).toBe(404);
      expect((await s3Request(another, "HEAD", `/${another.env.STORAGE_S3_BUCKET}`)).status).toBe(200);
    });

    it("refuses a wrong secret, and the bucket to the other user", async () => {
      const bucket = `/${rig.env.STORAGE_S3_BUCKET}`;
      expect((await s3Request({ ...rig, secretKey: "wrong" }, "GET", bucket)).status).toBe(403);
      const other = { ...rig, accessKey: rig.otherAccessKey, secretKey: rig.otherSecretKey };
      expect((await s3Request(other, "GET", "/")).status).toBe(200);
      expect((await s3Request(other, "GET", bucket)).ok).toBe(false);
    });

    it.each(["SIGKILL", "SIGTERM"] as const)(
      "run alone, it prints its settings and leaves nothing after %s",
      async (signal) => {
        const folder = await mkdtemp(join(tmpdir(), "svc-infra-rig-test-"));
        const script = fileURLToPath(new URL(`${name}.js`, import.meta.url));
        const env = { ...process.env, TMPDIR: folder };
        const alone = spawn(process.execPath, [script], { env, stdio: ["ignore", "pipe", "inherit"] });
        const endpoint = await settingOf(alone, "STORAGE_S3_SECRET_KEY", "STORAGE_S3_ENDPOINT");
        expect((await fetch(`${endpoint}/`)).status).toBeLessThan(500);
        expect(await programsIn(folder)).not.toEqual([]);
        alone.kill(signal);
        await expect.poll(() => readdir(folder), { timeout: 10_000 }).toEqual([]);
        expect(await programsIn(folder)).toEqual([]);
        await expect(fetch(endpoint)).rejects.toThrow();
        await rm(folder, { recursive: true });
      },
    );
  });
}

/** Reads NAME=value lines up to the last; the value of one. */
async function settingOf({ stdout }: ChildProcess, last: string, wanted: string): Promise<string> {
  if (stdout === null) throw new Error("no output");
  let value = "";
  for await (const line of createInterface({ input: stdout })) {
    const [name = "", ...rest] = line.split("=");
    if (name === wanted) value = rest.join("=");
    if (name === last) break;
  }
  return value;
}

/** Processes whose working directory is in a folder (proc(5)). */
async function programsIn(folder: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name));
  const folders = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/cwd`).catch(() => "")));
  return pids.filter((_, index) => folders[index]?.startsWith(folder));
}
