import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";

interface Violation {
  readonly from: string;
  readonly rule: { readonly name: string };
}

/** The rules that the sources in a folder break, as `file: rule`. */
function findViolations(folder: string): string[] {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      resolve("node_modules/dependency-cruiser/bin/dependency-cruise.mjs"),
      "--config",
      resolve(".dependency-cruiser.js"),
      "--output-type",
      "json",
      "src",
    ],
    { cwd: folder, encoding: "utf8", maxBuffer: 2 ** 28 },
  );
  if (stdout === "") throw new Error(stderr);
  const { summary } = JSON.parse(stdout);
  expect(summary.totalCruised).toBeGreaterThan(0);
  return summary.violations.map(({ from, rule }: Violation) => `${from}: ${rule.name}`);
}

it("the sources keep every import rule", () => {
  expect(findViolations(".")).toEqual([]);
});

/** A folder of sources made for a test. */
class SourceTree {
  readonly folder: string = mkdtempSync(join(tmpdir(), "architecture-"));

  constructor() {
    for (const file of ["tsconfig.json", "package.json"]) cpSync(file, join(this.folder, file));
    symlinkSync(resolve("node_modules"), join(this.folder, "node_modules"));
  }

  /** Makes the file `from` import `target`, a package or a file, which is made too. */
  plant(from: string, target: string, how = "import"): void {
    const isFile = target.startsWith("src/");
    if (isFile) this.#append(target, "");
    this.#append(from, `${how} "${isFile ? relativeImport(from, target) : target}";\n`);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  #append(file: string, text: string): void {
    mkdirSync(dirname(join(this.folder, file)), { recursive: true });
    appendFileSync(join(this.folder, file), text);
  }
}

describe("an import that breaks the architecture is found", () => {
  const cases = [
    ["kernel-knows-nobody", "src/kernel/a.ts", "src/storage/index.ts"],
    ["http-knows-the-kernel", "src/http/a.ts", "src/health/index.ts"],
    ["foreign-addresses-by-one-client", "src/webhooks/a.ts", "node:https"],
    ["foreign-addresses-by-one-client", "src/webhooks/b.ts", "undici"],
    ["foreign-addresses-by-one-client", "src/events/b.ts", "node:https"],
    ["foreign-addresses-by-one-client", "src/storage/import/b.ts", "node:https"],
    ["kernel-needs-only-zod", "src/kernel/b.ts", "commander"],
    ["features-by-their-index", "src/health/a.ts", "src/kernel/secret.ts"],
    ["features-by-their-index", "src/sql/a.ts", "src/storage/content/content.ts"],
    ["storage-core-knows-the-kernel", "src/storage/a.ts", "src/storage/layers/retry.ts"],
    ["storage-core-knows-the-kernel", "src/storage/b.ts", "src/health/index.ts"],
    ["layers-know-the-contract", "src/storage/layers/a.ts", "src/storage/content/content.ts"],
    ["layers-know-no-sibling", "src/storage/layers/retry.ts", "src/storage/layers/timeout.ts"],
    ["backends-know-the-contract", "src/storage/backends/s3/a.ts", "src/storage/backends/local/layout.ts"],
    ["backends-know-the-contract", "src/storage/backends/s3/b.ts", "src/storage/layers/retry.ts"],
    ["backends-are-named-in-one-place", "src/storage/c.ts", "src/storage/backends/local/index.ts"],
    ["backends-are-loaded-on-demand", "src/storage/backends.ts", "src/storage/backends/local/index.ts"],
    [
      "backend-settings-know-the-kernel",
      "src/storage/backends/s3/settings.ts",
      "src/storage/backends/s3/c.ts",
    ],
    ["http-at-the-edges", "src/storage/d.ts", "node:http"],
    ["http-at-the-edges", "src/storage/backends/local/a.ts", "fastify"],
    ["routes-at-the-edges", "src/storage/e.ts", "src/storage/fastify/plugin.ts"],
    ["command-line-in-cli", "src/storage/f.ts", "commander"],
    ["command-line-in-cli", "src/index.ts", "src/cli/a.ts"],
    ["only-installed-packages", "src/storage/g.ts", "vitest"],
    ["no-unresolved", "src/storage/h.ts", "./nowhere.js"],
    ["no-cycles", "src/app/a.ts", "src/app/b.ts"],
  ] as const;
  let violations: readonly string[];

  beforeAll(() => {
    const tree = new SourceTree();
    for (const [, from, target] of cases) tree.plant(from, target);
    tree.plant("src/app/b.ts", "src/app/a.ts", "import type {} from");
    tree.plant("src/storage/backends/s3/c.ts", "src/storage/contract/key.ts");
    violations = findViolations(tree.folder);
    tree.remove();
  });

  it.each(cases)("%s: %s imports %s", (rule, from) => {
    expect(violations).toContain(`${from}: ${rule}`);
  });
});

it("an import that keeps the architecture is not", () => {
  const tree = new SourceTree();
  tree.plant("src/storage/fastify/plugin.ts", "fastify");
  tree.plant("src/storage/backends/s3/a.ts", "src/storage/contract/key.ts");
  tree.plant("src/storage/layers/stack.ts", "src/storage/layers/retry.ts");
  tree.plant("src/storage/layers/retry.ts", "src/storage/layers/wait-for-outcome.ts");
  tree.plant("src/storage/settings.ts", "src/kernel/index.ts");
  tree.plant("src/kernel/index.ts", "zod");
  tree.plant("src/index.ts", "src/storage/fastify/plugin.ts");
  const violations = findViolations(tree.folder);
  tree.remove();
  expect(violations).toEqual([]);
});

function relativeImport(from: string, target: string): string {
  const up = "../".repeat(from.split("/").length - 1);
  return `./${up}${target.replace(/\.ts$/, ".js")}`;
}

it("every file that ARCHITECTURE.md names is there", () => {
  const named = readFileSync("ARCHITECTURE.md", "utf8").matchAll(/`((?:src|test|docs)\/[\w./-]+)`/g);
  const missing = [...named].map(([, path = ""]) => path).filter((path) => !existsSync(path));
  expect(missing).toEqual([]);
});

/** Ten lines of code that stand in the sources twice, by their first line; imports and comments do not count. */
function findTwice(texts: ReadonlyMap<string, string>): string[] {
  const seen = new Map<string, string>();
  const twice: string[] = [];
  for (const [file, text] of texts) {
    const code = text.replace(/^(?:import|export)\s[^;]*?\sfrom\s[^;]*;|\/\*[\s\S]*?\*\/|^\s*\/\/.*/gm, "");
    const lines = code.split("\n").map((line) => line.trim());
    const filled = lines.filter((line) => line !== "");
    for (let at = 0; at + 10 <= filled.length; at++) {
      const block = filled.slice(at, at + 10).join("\n");
      const other = seen.get(block);
      if (other === undefined) seen.set(block, `${file}: ${filled[at]}`);
      else twice.push(`${file} has what is in ${other}`);
    }
  }
  return twice;
}

it("no ten lines stand in the sources twice", () => {
  const { stdout } = spawnSync("git", ["ls-files", "src/*.ts"], { encoding: "utf8" });
  const files = stdout.trim().split("\n");
  expect(files.length).toBeGreaterThan(500);
  const texts = new Map(files.map((file) => [file, readFileSync(file, "utf8")]));
  expect(findTwice(texts)).toEqual([]);
  texts.set("src/planted.ts", texts.get("src/storage/storage-files.ts") ?? "");
  expect(findTwice(texts).length).toBeGreaterThan(10);
});
