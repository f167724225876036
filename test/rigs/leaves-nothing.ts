import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

/**
 * A rig that runs alone prints its settings, and leaves no file and no process, however it ends.
 *
 * @param script - beside this file.
 * @param variables - the setting that holds its address, and the one that is printed last.
 */
export function leavesNothing(
  script: string,
  variables: { readonly endpoint: string; readonly last: string },
): void {
  it.each(["SIGKILL", "SIGTERM"] as const)(
    "run alone, it prints its settings and leaves nothing after %s",
    async (signal) => {
      const folder = await mkdtemp(join(tmpdir(), "svc-infra-rig-test-"));
      const file = fileURLToPath(new URL(script, import.meta.url));
      const env = { ...process.env, TMPDIR: folder };
      const alone = spawn(process.execPath, [file], { env, stdio: ["ignore", "pipe", "inherit"] });
      const endpoint = await settingOf(alone, variables.last, variables.endpoint);
      expect((await fetch(`${endpoint}/`)).status).toBeLessThan(500);
      expect(await programsIn(folder)).not.toEqual([]);
      alone.kill(signal);
      await expect.poll(() => readdir(folder), { timeout: 10_000 }).toEqual([]);
      expect(await programsIn(folder)).toEqual([]);
      await expect(fetch(endpoint)).rejects.toThrow();
      await rm(folder, { recursive: true });
    },
  );
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
