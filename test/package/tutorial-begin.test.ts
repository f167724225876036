import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freePort } from "../cli/command-line.js";

const folder = mkdtempSync(join(tmpdir(), "svc-infra-tutorial-"));
const [, begin = ""] = /```sh\n(.*?)```/s.exec(readFileSync("docs/guide/tutorial.md", "utf8")) ?? [];
let shell: ChildProcess | undefined;
let log = "";

beforeAll(() => {
  const packed = spawnSync("npm", ["pack", "--silent", "--pack-destination", folder], { encoding: "utf8" });
  expect(packed.stderr).toBe("");
});

afterAll(() => {
  // The service is a child of the shell, in its group.
  if (shell?.pid !== undefined && shell.exitCode === null) process.kill(-shell.pid, "SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

it("what the tutorial begins with makes a service that has its page", { timeout: 600_000 }, async () => {
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  const port = await freePort();
  const commands = begin.replace("npm install svc-infra ", `npm install ${join(folder, `${tarball}`)} `);
  expect(commands).not.toBe(begin);
  const started = spawn("bash", ["-euo", "pipefail", "-c", commands], {
    cwd: folder,
    env: {
      PATH: process.env.PATH ?? "",
      HOME: process.env.HOME ?? folder,
      PORT: `${port}`,
      npm_config_prefer_offline: "true",
    },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  shell = started;
  for (const stream of [started.stdout, started.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
  }
  const answer = (path: string) => fetch(`http://localhost:${port}${path}`).catch(() => undefined);
  while ((await answer("/readyz"))?.ok !== true) {
    if (started.exitCode !== null) throw new Error(`it ended: ${log}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(await (await answer("/"))?.text()).toContain("<script");
  expect((await answer("/browser/index.js"))?.status).toBe(200);
});
