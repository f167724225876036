import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { rigs } from "../../scripts/rigs.js";

const suites = readdirSync("test", { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".test.ts") && !file.includes("node_modules"))
  .map((file) => join("test", file));

const importing = /^[^*/]*? from "(\.\.?\/[^"]+\.js)";$/gm;

/** The files that a file imports when it is loaded, and theirs in turn. */
function importsOf(file: string, found = new Set<string>()): ReadonlySet<string> {
  const source = existsSync(file) ? file : file.replace(/\.js$/, ".ts");
  // Text of a test may look like an import.
  if (!existsSync(source)) return found;
  for (const [, path = ""] of readFileSync(source, "utf8").matchAll(importing)) {
    const target = join(dirname(file), path);
    if (!found.has(target)) importsOf(target, found.add(target));
  }
  return found;
}

const expressions: Readonly<Record<string, string>> = { "**/": "(?:.*/)?", "*": "[^/]*", ".": "\\." };

function matches(glob: string, file: string): boolean {
  const source = glob
    .replace(/\*\*\/|\*|\./g, (sign) => expressions[sign] ?? sign)
    .replace(/\{(.*?)\}/g, (_, words: string) => `(?:${words.replaceAll(",", "|")})`);
  return new RegExp(`^${source}$`).test(file);
}

describe("scripts/rigs.js names every suite that loads a rig of Debian's packages", () => {
  it.each([
    ["ceph", "radosgw"],
    ["chromium", "chromium"],
    ["clamd", "clamd"],
    ["haproxy", "haproxy"],
    ["postgres", "/usr/lib/postgresql/15/bin/postgres"],
    ["prometheus", "prometheus"],
    ["redis", "redis-server"],
    ["swift", "swift-proxy-server"],
  ])("%s", (rig, command) => {
    const module = `test/rigs/${rig}.js`;
    const named = rigs.filter(({ commands }) => commands.includes(command)).flatMap((each) => each.suites);
    const loading = suites.filter((suite) => importsOf(suite).has(module));
    expect(loading).not.toEqual([]);
    expect(loading.filter((suite) => !named.some((glob) => matches(glob, suite)))).toEqual([]);
  });
});
