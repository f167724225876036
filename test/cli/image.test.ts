import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { projectFiles } from "#dist/cli/init/project-files.js";
import { freePorts } from "../rigs/free-ports.js";

const files = projectFiles({ name: "shop", helpers: ["storage"], deploy: ["compose"], kit: "*", ranges: {} });
const dockerfile = files.Dockerfile ?? "";

/** What `compose.yaml` demands; where it does not, it has a value itself. */
const demanded: Readonly<Record<string, string>> = {
  STORAGE_BASE_URL: "https://shop.example.com/files",
  STORAGE_SIGNING_SECRET: "a-secret-of-more-than-thirty-two-characters",
};

/** The environment that Compose makes of the file. */
function composeEnvironment(): Record<string, string> {
  const { environment } = parse(files["compose.yaml"] ?? "").services.app;
  const filled = JSON.stringify(environment).replace(
    /\$\{(\w+):([?-])(.*?)\}/g,
    (_whole, name: string, sign: string, word: string) => (sign === "-" ? word : (demanded[name] ?? "")),
  );
  return JSON.parse(filled);
}

/** The arguments of an instruction in its exec form. */
function execForm(pattern: RegExp): readonly string[] {
  return JSON.parse(pattern.exec(dockerfile)?.[1] ?? "[]");
}

const command = execForm(/^CMD (\[.*\])$/m);
const healthCheck = execForm(/^HEALTHCHECK .*CMD (\[.*\])$/m);
const [, user = ""] = /^USER (\d+):\d+$/m.exec(dockerfile) ?? [];
const [, pairs = ""] = /^ENV (.*)$/m.exec(dockerfile) ?? [];
const imageEnv = Object.fromEntries(pairs.split(" ").map((pair) => pair.split("=") as [string, string]));

const folder = mkdtempSync(join(tmpdir(), "image-"));
const project = join(folder, "project");
const root = join(folder, "root");
const data = join(folder, "data");

/**
 * What Debian's base image and the second stage hold, read-only: programs and libraries of this machine, the application and
 * its packages. Only `/data` and `/tmp` can be written.
 */
const enter = `set -e
mount -t tmpfs tmpfs "$ROOT"
cd "$ROOT"
mkdir -p app/node_modules/svc-infra data tmp proc dev opt/node
for each in usr bin sbin lib lib64 etc; do
  if [ -L /$each ]; then cp -P /$each $each; elif [ -d /$each ]; then mkdir $each; mount --bind -o ro /$each $each; fi
done
mount --bind "$NODE" opt/node
mount --bind /dev dev
mount -t proc proc proc
cp -a "$PROJECT/package.json" "$PROJECT/dist" app/
mount --bind -o ro "$KIT" app/node_modules/svc-infra
for each in fastify zod prom-client; do ln -s svc-infra/node_modules/$each app/node_modules/$each; done
mount --bind "$DATA" data
mount -t tmpfs tmpfs tmp
mount -o remount,ro "$ROOT"
exec chroot "$ROOT" /usr/bin/env -C /app PATH=/opt/node:/usr/bin setpriv --reuid="$RUN_AS" --regid="$RUN_AS" --clear-groups \\
  --no-new-privs --inh-caps=-all --bounding-set=-all "$@"`;

/** Starts a command of the image; signals reach it, as nothing stands between. */
function start(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const places = {
    ROOT: root,
    NODE: dirname(process.execPath),
    PROJECT: project,
    KIT: resolve("."),
    DATA: data,
  };
  return spawn("unshare", ["-m", "sh", "-c", enter, "sh", ...args], {
    env: { PATH: process.env.PATH ?? "", RUN_AS: user, ...places, ...imageEnv, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function outcomeOf(child: ChildProcess): Promise<{ code: number | null; said: string }> {
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text) => (said += String(text)));
  const [code] = await once(child, "close");
  return { code, said };
}

const why = "needs root and the right to mount";
const canMount =
  process.getuid?.() === 0 &&
  spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0;

beforeAll(() => {
  for (const path of [root, data, join(project, "node_modules")]) mkdirSync(path, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(project, name)), { recursive: true });
    writeFileSync(join(project, name), text);
  }
  for (const name of ["fastify", "zod", "@types"]) {
    symlinkSync(resolve("node_modules", name), join(project, "node_modules", name));
  }
  symlinkSync(resolve("."), join(project, "node_modules/svc-infra"));
  execFileSync(resolve("node_modules/.bin/tsc"), { cwd: project });
  if (canMount) execFileSync("chown", [`${user}:${user}`, data]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(!canMount)(
  `the image${canMount ? "" : ` (${why})`}`,
  () => {
    it("can be written in /data and /tmp and nowhere else", async () => {
      const program = `const { writeFileSync } = require("node:fs");
      for (const folder of ["/data", "/tmp", "/app", "/", "/usr", "/app/node_modules/svc-infra", "/etc"]) {
        try { writeFileSync(folder + "/probe", "x"); console.log(folder, "written"); }
        catch ({ code }) { console.log(folder, code); }
      }`;
      const { said, code } = await outcomeOf(start(["node", "-e", program]));
      expect(code).toBe(0);
      const of = Object.fromEntries(
        said
          .trim()
          .split("\n")
          .map((line) => line.split(" ")),
      );
      expect(of).toEqual({
        "/data": "written",
        "/tmp": "written",
        "/app": expect.stringMatching(/EROFS|EACCES/),
        "/": expect.stringMatching(/EROFS|EACCES/),
        "/usr": expect.stringMatching(/EROFS|EACCES/),
        "/app/node_modules/svc-infra": expect.stringMatching(/EROFS|EACCES/),
        "/etc": expect.stringMatching(/EROFS|EACCES/),
      });
    });

    it("runs the service with what Compose demands, as a user without rights, is healthy, keeps files, and stops when it is told to", async () => {
      const [port = 0] = await freePorts(1);
      const service = start(command, {
        HOST: "127.0.0.1",
        PORT: String(port),
        SHUTDOWN_DELAY_MS: "0",
        ...composeEnvironment(),
      });
      const ended = outcomeOf(service);
      const check = () =>
        spawnSync(process.execPath, healthCheck.slice(1), { env: { PORT: String(port) } }).status;
      const isUp = () => (service.exitCode === null ? check() : ended);
      await expect.poll(isUp, { interval: 300 }).toBe(0);
      const status = readFileSync(`/proc/${service.pid}/status`, "utf8");
      expect(status).toMatch(new RegExp(`^Uid:\\s+${user}\\s+${user}\\s+${user}\\s+${user}$`, "m"));
      expect(status).toMatch(/^CapEff:\s+0+$/m);
      expect(status).toMatch(/^CapBnd:\s+0+$/m);
      expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
      const note = {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: '{"text":"hello"}',
      };
      expect((await fetch(`http://127.0.0.1:${port}/notes/first`, note)).status).toBe(200);
      expect(await (await fetch(`http://127.0.0.1:${port}/notes/first`)).json()).toEqual({ text: "hello" });
      service.kill("SIGTERM");
      const { code, said } = await ended;
      expect([code, said]).toEqual([0, expect.stringContaining("SIGTERM")]);
      expect(check()).toBe(1);
    });
  },
  90_000,
);
