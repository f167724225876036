import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import Fastify, { type FastifyInstance } from "fastify";
import { addStorage } from "svc-infra";
import { LocalBackend } from "svc-infra/storage/local";
import { afterAll, beforeAll, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "svc-infra-commands-"));
const inFolder = (name: string) => join(folder, name);

/** What stands for a place of the reader's. */
const replacing: Readonly<Record<string, string>> = {
  "/data/": "data/",
  "/tmp/": "tmp/",
};

/** Blocks that are run as they stand, and what they print. */
const run: Readonly<Record<string, readonly (string | RegExp)[]>> = {
  "README.md 1": ['"checksum":', "signature="],
  "docs/guide/cli.md 0": [
    "reports/2026.pdf",
    "application/pdf",
    /\/files\/reports\/2026\.pdf\?.*signature=/,
    '{"line":1}',
  ],
  "docs/guide/direct-uploads.md 0": [
    "0 staged objects and 0 uploads in parts would be removed",
    '"isDryRun": false',
  ],
  "docs/guide/growing.md 0": ["4 copied (4 bytes)"],
  "docs/guide/http.md 0": ['"key":"reports/2024.pdf"', '"size":8'],
  "docs/guide/migrating.md 1": [],
  "docs/guide/migrating.md 2": ["4 would be copied (4 bytes)", "4 copied (4 bytes)"],
};

/** Blocks that are not run here, and where what they show is run instead. */
const elsewhere: Readonly<Record<string, string>> = {
  "README.md 0": "serves until it is ended; test/cli/serve.test.ts",
  "README.md 2": "installs packages; test/package/documented-installs.test.ts",
  "docs/guide/growing.md 1": "needs servers; test/jobs/moved-from-postgres-to-redis.test.ts",
  "docs/guide/jobs.md 0": "a variable; test/jobs/schedules.test.ts",
  "docs/guide/jobs.md 1": "needs a queue; test/jobs/storage-jobs.test.ts",
  "docs/guide/migrations.md 0": "needs a database; test/acceptance/a10-01.test.ts",
  "docs/guide/migrating.md 0": "installs the package; test/package/newcomer-project.ts",
  "docs/guide/observability.md 0": "installs packages; test/package/documented-installs.test.ts",
  "docs/guide/production.md 0": "test/cli/deploy-manifests.test.ts",
  "docs/guide/production.md 1": "needs a cluster; test/cli/deploy-manifests.test.ts",
  "docs/guide/sql.md 0": "installs packages; test/package/documented-installs.test.ts",
  "docs/guide/tutorial.md": "test/package/tutorial-begin.test.ts and test/examples/saas-chromium.test.ts",
  "docs/guide/versioning.md 0": "test/versioning/typed-client.test.ts",
  "docs/guide/webhooks.md 0": "test/cli/webhooks.test.ts",
};

const env = {
  HOME: folder,
  PATH: [inFolder("bin"), process.env.PATH].join(delimiter),
  STORAGE_BACKEND: "local",
  STORAGE_BASE_PATH: inFolder("files"),
  STORAGE_BASE_URL: "http://localhost:8000/files",
};

let app: FastifyInstance;
let port = "";

beforeAll(async () => {
  for (const name of ["bin", "tmp", "data", "files", "old-uploads", "data/uploads", "data/files"])
    mkdirSync(inFolder(name));
  const main = resolve("dist/cli/main.js");
  program("svc-infra", `exec '${process.execPath}' '${main}' "$@"`);
  program("npx", 'exec "$@"');
  program("pg_dump", "echo 'create table shop ();'");
  for (const name of ["report.pdf", "2024.pdf", "photo.jpg"]) writeFileSync(inFolder(name), "%PDF-1.7");
  for (const place of ["old-uploads", "data/files"])
    for (const name of ["a", "b", "c", "d"]) writeFileSync(inFolder(`${place}/${name}.txt`), name);
  app = Fastify();
  const storage = await addStorage(app, new LocalBackend({ basePath: inFolder("files") }), {
    authorize: "open",
  });
  await storage.put("logs/today.ndjson", '{"line":1}\n{"line":2}\n');
  await app.listen({ port: 0, host: "127.0.0.1" });
  port = `${Object(app.server.address()).port}`;
});

afterAll(async () => {
  await app.close();
  rmSync(folder, { recursive: true });
});

/** A program of the reader's machine. */
function program(name: string, body: string): void {
  writeFileSync(inFolder(`bin/${name}`), `#!/bin/sh\n${body}\n`);
  chmodSync(inFolder(`bin/${name}`), 0o755);
}

const pages = [
  "README.md",
  ...readdirSync("docs", { recursive: true, encoding: "utf8" }).map((name) => join("docs", name)),
];
const blocks = pages
  .filter((page) => page.endsWith(".md"))
  .flatMap((page) =>
    [...readFileSync(page, "utf8").matchAll(/```sh\n(.*?)```/gs)].map(
      ([, code = ""], index) => [`${page} ${index}`, code] as const,
    ),
  );

it("every block says what it is, so that none is passed over", () => {
  const unnamed = pages
    .filter((page) => page.endsWith(".md"))
    .filter((page) =>
      readFileSync(page, "utf8")
        .split(/^```/m)
        .some((part, index) => index % 2 === 1 && part.startsWith("\n")),
    );
  expect(unnamed).toEqual([]);
});

it("every block of commands on a page is run, here or in a suite that is there", () => {
  const names = blocks.map(([name]) => name.replace(/(tutorial\.md) \d+/, "$1"));
  const suites = Object.values(elsewhere).map((reason) => reason.split(" ").at(-1) ?? "");
  expect(suites.filter((suite) => !existsSync(suite))).toEqual([]);
  expect([...new Set(names)].sort()).toEqual([...Object.keys(run), ...Object.keys(elsewhere)].sort());
});

it.each(blocks.filter(([name]) => Object.hasOwn(run, name)))("%s does what it says", async (name, code) => {
  const commands = Object.entries({
    ...replacing,
    "localhost:8000": `localhost:${port}`,
    "s3://my-uploads": `local:bucket-of-${name.replace(/\W/g, "-")}`,
  }).reduce((all, [here, there]) => all.replaceAll(here, there), code);
  const shell = spawn("bash", ["-euo", "pipefail", "-c", commands], {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [output, errors, [status]] = await Promise.all([
    text(shell.stdout),
    text(shell.stderr),
    once(shell, "exit"),
  ]);
  expect({ status, errors: status === 0 ? "" : errors }).toEqual({ status: 0, errors: "" });
  for (const expected of run[name] ?? []) expect(`${output}${errors}`).toMatch(expected);
});
