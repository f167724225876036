import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installLocked } from "../rigs/locked-packages.js";
import { runtimes } from "../rigs/runtimes.js";

const folder = mkdtempSync(join(tmpdir(), "svc-infra-installs-"));
const nodes = Object.entries({ "this Node": process.execPath, ...runtimes }).filter(([name]) =>
  name.includes("Node"),
);

const pages = [
  "README.md",
  ...readdirSync("docs", { recursive: true, encoding: "utf8" }).map((name) => join("docs", name)),
].filter((page) => page.endsWith(".md"));

/** What each line of a block installs, where several packages must go together: a resolution takes seconds. */
const installs = pages
  .flatMap((page) =>
    [...readFileSync(page, "utf8").matchAll(/^npm install ((?:[^\n\\#]|\\\n)+)/gm)].map(([, words = ""]) => ({
      page,
      packages: words
        .split(/[\s\\]+/)
        .filter((word) => word !== "" && word !== "svc-infra" && !word.startsWith("--")),
    })),
  )
  .filter(({ packages }) => packages.length > 1);

let npm = "";

beforeAll(async () => {
  installLocked("runtimes");
  const { name, version, peerDependencies, peerDependenciesMeta } = JSON.parse(
    readFileSync("package.json", "utf8"),
  );
  mkdirSync(join(folder, "svc-infra"));
  const kit = { name, version, peerDependencies, peerDependenciesMeta };
  writeFileSync(join(folder, "svc-infra/package.json"), JSON.stringify(kit));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
  const { stdout } = await promisify(execFile)("npm", ["root", "--global"]);
  npm = join(stdout.trim(), "npm/bin/npm-cli.js");
});

afterAll(() => rmSync(folder, { recursive: true }));

it("there are such lines", () => {
  expect(installs.map(({ page }) => page)).toContain("docs/guide/observability.md");
});

// npm takes other versions on another Node, as each says which Nodes it runs on.
describe.each(nodes)("on %s", (_name, node) => {
  it.each(installs)("$page installs $packages", async ({ packages }) => {
    const quiet = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
    const words = [npm, "install", "--dry-run", "--install-links", ...quiet, "./svc-infra", ...packages];
    const refusal = await promisify(execFile)(node, words, { cwd: folder }).then(
      () => "",
      ({ stderr }) => stderr,
    );
    expect(refusal).toBe("");
  });
});
