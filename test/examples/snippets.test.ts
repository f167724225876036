import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";

const pages = [
  "README.md",
  "ARCHITECTURE.md",
  ...readdirSync("docs", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];
/** Pages whose examples stand for themselves; the other guides show fragments. */
const compiled = ["README.md", "docs/guide/http.md", "docs/backends/local.md", "docs/backends/memory.md"];

/** The TypeScript of a page, as files that would lie in the project's folder. */
function snippetsOf(page: string): readonly (readonly [file: string, text: string])[] {
  const blocks = [...readFileSync(page, "utf8").matchAll(/^```ts\n(.*?)^```$/gms)];
  return blocks.map(([, text = ""], index) => [resolve(`${page.replaceAll(/\W/g, "-")}-${index}.ts`), text]);
}

/** What the compiler has to say about files that are only in memory. */
function complaintsAbout(files: ReadonlyMap<string, string>): readonly string[] {
  const { config } = ts.readConfigFile("tsconfig.json", ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ".");
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name) ?? readFile(name);
  host.getSourceFile = (name, target, ...rest) => {
    const text = files.get(name);
    return text === undefined
      ? getSourceFile(name, target, ...rest)
      : ts.createSourceFile(name, text, target);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`,
    );
}

test("the examples of README and of the pages about HTTP and backends compile", () => {
  const files = new Map(compiled.flatMap(snippetsOf));
  expect(files.size).toBeGreaterThanOrEqual(5);
  expect(complaintsAbout(files)).toEqual([]);
});

test("an example that does not compile is found", () => {
  const text = 'import { addStorage } from "svc-infra";\nawait addStorage(1, { serveFile: true });';
  expect(complaintsAbout(new Map([[resolve("broken.ts"), text]]))).toHaveLength(1);
});

describe.each(pages)("%s", (page) => {
  test("links to what there is", () => {
    const targets = [...readFileSync(page, "utf8").matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)];
    const missing = targets
      .map(([, target = ""]) => target)
      .filter((target) => !existsSync(join(dirname(page), target)));
    expect(missing).toEqual([]);
  });
});
