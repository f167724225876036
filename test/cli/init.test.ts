import { execFile, spawn } from "node:child_process";
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
import { join, resolve } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { CommandLine, freePort } from "./command-line.js";

const cli = new CommandLine();
const folder = mkdtempSync(join(tmpdir(), "init-"));
const env = {
  PATH: process.env.PATH ?? "",
  HOME: process.env.HOME ?? "",
  // What npm has fetched before is not asked for again.
  npm_config_prefer_offline: "true",
  npm_config_audit: "false",
  npm_config_fund: "false",
};
afterAll(() => {
  cli.dispose();
  rmSync(folder, { recursive: true, force: true });
});

function run(command: string, args: readonly string[], cwd: string) {
  return new Promise<{ readonly status: unknown; readonly output: string }>((resolve) => {
    execFile(command, args, { cwd, env }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : error.code, output: `${stdout}${stderr}` });
    });
  });
}

describe("the packed package in an empty folder", () => {
  const project = join(folder, "demo");
  const all = "storage,sql,cache,jobs,mail";
  let tarball: string;

  const projectOf = (name: string) => join(folder, name);
  const read = (file: string) => readFileSync(join(folder, file), "utf8");

  // One installation serves all: what `init` installs is the packed kit, and that kit makes the other projects.
  beforeAll(async () => {
    const sources = [process.cwd(), join(process.cwd(), "packages/create-svc-infra")];
    const packing = ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder];
    const packed = await Promise.all(sources.map((source) => run("npm", packing, source)));
    expect(packed).toMatchObject([{ status: 0 }, { status: 0 }]);
    const tarballs = readdirSync(folder).filter((file) => file.endsWith(".tgz"));
    tarball = `./${tarballs.find((file) => file.startsWith("svc-infra"))}`;
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    const init = [resolve("dist/cli/main.js"), "init", "demo", "--with", all, "--kit", tarball];
    expect(await run(process.execPath, init, folder)).toMatchObject({
      status: 0,
      output: expect.stringContaining("npm start"),
    });
    symlinkSync(join(project, "node_modules"), join(folder, "node_modules"));
    const creator = join(project, "node_modules/create-svc-infra");
    mkdirSync(creator);
    const unpacking = ["-xzf", tarballs.find((file) => file.startsWith("create")) ?? "", "-C", creator];
    expect(await run("tar", [...unpacking, "--strip-components=1"], folder)).toMatchObject({ status: 0 });
  });

  it("makes a project whose test passes", async () => {
    expect(await run("npm", ["test"], project)).toMatchObject({
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

  it("makes projects with no helper, and with one, whose tests pass", async () => {
    const kinds = { "only-none": "", "only-cache": "cache", "only-jobs": "jobs" };
    const { scripts } = JSON.parse(read("demo/package.json"));
    for (const [name, helpers] of Object.entries(kinds)) {
      const init = ["--no", "svc-infra", "init", name, "--with", helpers, "--no-install"];
      expect(await run("npx", init, folder)).toMatchObject({ status: 0 });
      expect(JSON.parse(read(`${name}/package.json`)).scripts).toEqual(scripts);
      expect(read(`${name}/tsconfig.json`)).toBe(read("demo/tsconfig.json"));
    }
    // What `npm test` runs in each, but compiled together.
    const compilerOptions = { rootDir: ".", outDir: "built" };
    const together = {
      extends: "./demo/tsconfig.json",
      compilerOptions,
      include: ["only-*/src", "only-*/test"],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(together));
    expect(await run("npx", ["--no", "tsc"], folder)).toEqual({ status: 0, output: "" });
    for (const name of Object.keys(kinds)) {
      const test = ["--test", "--test-reporter=tap", join(folder, "built", name, "test/app.test.js")];
      expect(await run(process.execPath, test, projectOf(name))).toMatchObject({
        status: 0,
        output: expect.stringContaining("# fail 0"),
      });
    }
  });

  it("is made by `npm create svc-infra` as well", async () => {
    const creator = join(project, "node_modules/create-svc-infra");
    const { bin } = JSON.parse(readFileSync(join(creator, "package.json"), "utf8"));
    const program = join(creator, bin["create-svc-infra"]);
    const made = await run(
      process.execPath,
      [program, "other", "--with", all, "--no-install", "--kit", tarball],
      folder,
    );
    expect(made).toMatchObject({ status: 0, output: expect.stringContaining("npm start") });
    expect(read("other/src/app.ts")).toBe(read("demo/src/app.ts").replace('name: "demo"', 'name: "other"'));
  });

  async function start(): Promise<number> {
    const port = await freePort();
    const child = spawn("npm", ["start"], {
      cwd: project,
      env: { ...env, PORT: String(port) },
      detached: true,
      stdio: "ignore",
    });
    onTestFinished(() => {
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
