import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";

const program = fileURLToPath(new URL("./local-start-process.js", import.meta.url));
const run = promisify(execFile);
/** `START_OBJECTS=1000000 START_PUTS=130000` for the long run, which needs 11 GB on a file system in memory. */
const objects = Number(process.env.START_OBJECTS ?? 1000);
const puts = Number(process.env.START_PUTS ?? 500);
const isLong = objects >= 1_000_000;
const starts = isLong ? 6 : 1;
const isPermitted = process.platform === "linux" && spawnSync("unshare", ["-u", "true"]).status === 0;
const why = isPermitted ? "" : " (needs the right to take another host name)";

/** A command that runs the program under the name of another host. */
const onHost = (host: string, ...args: string[]) =>
  ["-u", "sh", "-c", `hostname ${host} && exec "$0" "$@"`, process.execPath, program, ...args] as const;

it(
  `with ${objects} objects, killed amid ${puts} durable puts on another host, an application starts at once, ${starts} of ${starts} times${why}`,
  async ({ skip }) => {
    if (!isPermitted) skip(why);
    const base = await mkdtemp(join(tmpdir(), "svc-infra-local-"));
    onTestFinished(() => rm(base, { recursive: true, force: true }), 60_000 + objects * 2);
    await run(process.execPath, [program, "fill", base, String(objects)]);
    const tookMs: number[] = [];
    for (let round = 0; round < starts; round++) {
      await killAmidPuts(base, puts);
      expect((await readdir(join(base, ".svc-infra/pending"))).length).toBeGreaterThan(0);
      const { stdout } = await run("unshare", onHost(`starter${round}`, "start", base));
      tookMs.push(Number(stdout));
    }
    if (isLong) process.stdout.write(`starts in ms: ${tookMs.map(Math.round).join(", ")}\n`);
    expect(Math.max(...tookMs)).toBeLessThan(isLong ? 1000 : 10_000);
  },
  60_000 + objects * 2 + starts * puts * 20,
);

async function killAmidPuts(base: string, count: number): Promise<void> {
  const child = spawn("unshare", onHost("writer", "write", base, String(count)), {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "close");
}
