import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
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
import { dirname, join, resolve } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { startCeph } from "../rigs/ceph.js";
import { startPostgres } from "../rigs/postgres.js";
import { startRedis } from "../rigs/redis.js";
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

function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );
}

describe("the packed package in an empty folder", () => {
  const project = join(folder, "demo");
  const all = "storage,sql,cache,jobs,mail";
  const readme = /db generate` writes them here from the tables in `([^`]+)`/;
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
    const init = [
      resolve("dist/cli/main.js"),
      "init",
      "demo",
      "--with",
      all,
      "--deploy",
      "compose",
      "--kit",
      tarball,
    ];
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

  it("makes a project that starts, warns of what is not for production, and answers", async () => {
    const { url, output } = await start("npm", ["start"]);
    expect(output()).toMatch(/"level":40,.*"msg":"/);
    for (const path of ["/ping", "/docs", "/healthz", "/readyz", "/startupz", "/metrics", "/hello/Ann"]) {
      expect([path, (await fetch(`${url}${path}`)).status]).toEqual([path, 200]);
    }
  });

  it("makes a project that runs on PostgreSQL, Redis and S3 by its environment alone", async () => {
    const [postgres, redis, ceph] = await Promise.all([startPostgres(), startRedis(), startCeph()]);
    onTestFinished(async () => void (await Promise.all([postgres, redis, ceph].map((rig) => rig.stop()))));
    const places = { SQL_URL: postgres.url, JOBS_DRIVER: "redis", ...redis.env, ...ceph.env };
    const { url, output } = await start("npm", ["start"], places);
    const json = (path: string, init?: RequestInit) => fetch(`${url}${path}`, init).then((got) => got.json());
    for (const path of ["/ping", "/docs", "/healthz", "/readyz", "/startupz", "/metrics"]) {
      expect([path, (await fetch(`${url}${path}`)).status]).toEqual([path, 200]);
    }
    expect(await json("/database")).toEqual({ kind: "postgres" });
    const headers = { "content-type": "application/json" };
    await json("/notes/first", { method: "PUT", headers, body: JSON.stringify({ text: "buy milk" }) });
    expect(await json("/notes/first")).toEqual({ text: "buy milk" });
    expect(await json("/time")).toEqual(await json("/time"));
    expect((await fetch(`${url}/greetings/Ann`, { method: "POST" })).status).toBe(202);
    await expect.poll(output).toContain("somebody is greeted");
    for (const chosen of [
      /storage is S3Backend/,
      /sql +postgres/,
      /cache is redis/,
      /jobs are kept in redis/,
    ]) {
      expect(output()).toMatch(chosen);
    }
  });

  it("makes a project whose first migration is written and applied as its README says", async () => {
    const path = readme.exec(read("demo/migrations/README.md"))?.[1] ?? "none";
    const own = join(folder, "with-table");
    mkdirSync(join(own, dirname(path)), { recursive: true });
    symlinkSync(join(project, "node_modules"), join(own, "node_modules"));
    cpSync(join(project, "package.json"), join(own, "package.json"));
    const table =
      'import { pgTable, text } from "drizzle-orm/pg-core";\nexport const notes = pgTable("notes", { id: text().primaryKey() });\n';
    writeFileSync(join(own, path), table);
    for (const [command, told] of [
      ["generate", "Wrote migrations/"],
      ["migrate", "applied "],
    ] as const) {
      const args = ["SQL_URL=pglite:./data", "npx", "--no", "svc-infra", "db", command];
      expect(await run("env", args, own)).toMatchObject({ status: 0, output: expect.stringContaining(told) });
    }
  });

  it("makes an image: its first stage builds from the lock file, and what is left migrates and serves", async () => {
    const base = mkdtempSync(join(tmpdir(), "built-"));
    onTestFinished(() => rmSync(base, { recursive: true, force: true }));
    const built = join(base, "app");
    // Nothing that the stage leaves out may be found in a folder above.
    cpSync(join(folder, tarball), join(base, tarball));
    const [, first = ""] = read("demo/Dockerfile").split(/^FROM .*$/m);
    for (const line of first.trim().split("\n")) await doStep(line, built);
    const packages = readdirSync(join(built, "node_modules"));
    expect(packages).toEqual(expect.arrayContaining(["fastify", "svc-infra"]));
    expect(packages).not.toContain("typescript");
    const migration = join(built, "migrations/20260101000000_notes");
    mkdirSync(migration, { recursive: true });
    writeFileSync(join(migration, "up.sql"), "create table notes (id int);");
    writeFileSync(join(migration, "down.sql"), "drop table notes;");
    writeFileSync(join(migration, "schema.json"), "{}");
    const { command } = parse(read("demo/compose.yaml")).services.migrate;
    expect(await run("env", ["SQL_URL=pglite:./data", ...command], built)).toMatchObject({
      status: 0,
      output: "applied 20260101000000_notes\n",
    });
    const { url } = await start(process.execPath, ["dist/src/main.js"], {}, built);
    expect((await fetch(`${url}/ping`)).status).toBe(200);
  });

  /** Does what a builder of images does with one line. */
  async function doStep(line: string, target: string): Promise<void> {
    const [instruction = "", ...words] = line.split(" ");
    const steps: Record<string, () => unknown> = {
      WORKDIR: () => mkdirSync(target),
      COPY: () => copyTo(target, words),
      RUN: async () => expect(await run("sh", ["-c", words.join(" ")], target)).toMatchObject({ status: 0 }),
    };
    const step = steps[instruction];
    if (step === undefined) throw new Error(`no step like ${line} is known`);
    await step();
  }

  function copyTo(target: string, words: readonly string[]): void {
    const to = words.at(-1) ?? "";
    for (const name of words.slice(0, -1)) {
      const path = to.endsWith("/") ? join(to, name) : to;
      cpSync(join(project, name), join(target, path), { recursive: true });
    }
  }

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

  async function start(
    command: string,
    args: readonly string[],
    more: Readonly<Record<string, string>> = {},
    cwd: string = project,
  ) {
    const port = await freePort();
    const url = `http://localhost:${port}`;
    const child = spawn(command, args, {
      cwd,
      env: { ...env, PORT: String(port), ...more },
      detached: true,
    });
    let told = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        told += text;
      });
    }
    const ended = once(child, "close");
    const stop = async () => {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
        process.kill(-child.pid, "SIGKILL");
      await ended;
    };
    onTestFinished(stop);
    while (!(await isReady(url))) {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${told}`);
      await after(20);
    }
    return { url, output: () => told };
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
    [["init", "Not A Name"], 2, "no name for a service"],
    [["init", "shop-"], 2, "does not end with a hyphen"],
    [["init", "1shop"], 2, "it begins with a letter"],
    [["init", "fastify"], 2, "'fastify' is a package that the project needs"],
    [["init", "svc-infra"], 2, "'svc-infra' is a package that the project needs"],
    [["init", "typescript"], 2, "'typescript' is a package that the project needs"],
    [["init", "pg", "--with", "sql"], 2, "'pg' is a package that the project needs"],
    [["init", "drizzle-kit", "--with", "sql"], 2, "'drizzle-kit' is a package that the project needs"],
    [["init", "shop", "--with", "storage,magic"], 2, "there is no 'magic'"],
    [["init", "shop", "--deploy", "moon"], 2, "there is no 'moon'"],
  ])("is refused: %j", async (args, exitCode, message) => {
    const { code, stderr } = await cli.run([...args, "--no-install"]);
    expect([code, stderr]).toEqual([exitCode, expect.stringContaining(message)]);
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
