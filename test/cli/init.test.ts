import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CommandLine, freePort } from "./command-line.js";

const cli = new CommandLine();
const folder = mkdtempSync(join(tmpdir(), "init-"));
const env = { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "" };
afterAll(() => {
  cli.dispose();
  rmSync(folder, { recursive: true, force: true });
}, 240_000);

function run(command: string, args: readonly string[], cwd: string) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: "utf8" });
  return { status, output: `${stdout}${stderr}` };
}

describe("the packed package in an empty folder", { timeout: 240_000 }, () => {
  const project = join(folder, "demo");
  const all = "storage,sql,cache,jobs,mail";
  let tarball: string;

  beforeAll(() => {
    for (const source of [process.cwd(), join(process.cwd(), "packages/create-svc-infra")]) {
      const packing = ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder];
      expect(run("npm", packing, source)).toMatchObject({ status: 0 });
    }
    const tarballs = readdirSync(folder).filter((file) => file.endsWith(".tgz"));
    const packages = [...tarballs.map((file) => `./${file}`), "fastify@5"];
    tarball = `./${tarballs.find((file) => file.startsWith("svc-infra"))}`;
    writeFileSync(join(folder, "package.json"), "{}");
    expect(run("npm", ["install", "--no-audit", "--no-fund", ...packages], folder)).toMatchObject({
      status: 0,
    });
    const made = run("npx", ["svc-infra", "init", "demo", "--with", all, "--kit", tarball], folder);
    expect(made).toMatchObject({ status: 0, output: expect.stringContaining("npm start") });
  }, 240_000);

  it("makes a project whose test passes", () => {
    expect(run("npm", ["test"], project)).toMatchObject({
      status: 0,
      output: expect.stringContaining("# fail 0"),
    });
  });

  it("makes a project that starts, and answers", async () => {
    const url = `http://localhost:${await start()}`;
    for (const path of ["/ping", "/docs", "/healthz", "/readyz", "/startupz", "/metrics", "/hello/Ann"]) {
      expect([path, (await fetch(`${url}${path}`)).status]).toEqual([path, 200]);
    }
  });

  it.each(["", "cache", "jobs"])("makes a project with only '%s' whose test passes", (helpers) => {
    const name = `only-${helpers}`.replace(/-$/, "");
    const made = run("npx", ["svc-infra", "init", name, "--with", helpers, "--no-install"], folder);
    expect(made).toMatchObject({ status: 0 });
    symlinkSync(join(project, "node_modules"), join(folder, name, "node_modules"));
    expect(run("npm", ["test"], join(folder, name))).toMatchObject({
      status: 0,
      output: expect.stringContaining("# fail 0"),
    });
  });

  it("is made by `npm create svc-infra` as well", () => {
    const made = run(
      "npx",
      ["create-svc-infra", "other", "--with", all, "--no-install", "--kit", tarball],
      folder,
    );
    expect(made).toMatchObject({ status: 0, output: expect.stringContaining("npm start") });
    const read = (name: string) => readFileSync(join(folder, name, "src/app.ts"), "utf8");
    expect(read("other")).toBe(read("demo").replace('name: "demo"', 'name: "other"'));
  });

  async function start(): Promise<number> {
    const port = await freePort();
    const child = spawn("npm", ["start"], {
      cwd: project,
      env: { ...env, PORT: String(port) },
      detached: true,
      stdio: "ignore",
    });
    afterAll(() => {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    });
    while (
      !(await fetch(`http://localhost:${port}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      ))
    )
      await after(100);
    return port;
  }
});

describe("what cannot be", () => {
  it("is refused: a folder that is not empty", async () => {
    mkdirSync(join(cli.folder, "full"));
    writeFileSync(join(cli.folder, "full/a.txt"), "mine");
    const { code, stderr } = await cli.run(["init", "full", "--no-install"]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("full is not empty")]);
    expect(readdirSync(join(cli.folder, "full"))).toEqual(["a.txt"]);
  });

  it.each([
    [["init", "Not A Name"], "no name for a service"],
    [["init", "shop", "--with", "storage,magic"], "there is no 'magic'"],
    [["init", "shop", "--deploy", "moon"], "there is no 'moon'"],
  ])("is refused: %j", async (args, message) => {
    const { code, stderr } = await cli.run([...args, "--no-install"]);
    expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
    expect(existsSync(join(cli.folder, "shop"))).toBe(false);
  });
});

describe("--deploy", () => {
  it("writes an image that is built in two stages and runs without privileges, and what each target needs", async () => {
    const targets = "docker,compose,railway,render,kubernetes";
    const args = ["init", "shop", "--no-install", "--with", "storage,sql,mail", "--deploy", targets];
    expect((await cli.run(args)).code).toBe(0);
    const read = (file: string) => readFileSync(join(cli.folder, "shop", file), "utf8");
    const image = read("Dockerfile");
    expect(image.match(/^FROM /gm)).toHaveLength(2);
    expect(image).toMatch(/^USER 1000:1000$/m);
    // The exec form: a shell in between would keep the signals for itself.
    expect(image).toMatch(/^CMD \["node", "dist\/src\/main\.js"\]$/m);
    expect(image).toContain("/healthz");
    expect(read("compose.yaml")).toContain("read_only: true");
    expect(JSON.parse(read("railway.json")).deploy.healthcheckPath).toBe("/readyz");
    expect(read("render.yaml")).toContain("healthCheckPath: /readyz");
    const manifests = read("kubernetes.yaml");
    for (const part of [
      "/startupz",
      "/readyz",
      "/healthz",
      "readOnlyRootFilesystem: true",
      "runAsNonRoot: true",
    ]) {
      expect(manifests).toContain(part);
    }
  });
});
