import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import ts from "typescript";
import { expect, it } from "vitest";

/** A page whose code is that of `examples/saas`, which test/examples compares with it, compiles and runs. */
const fragments: readonly string[] = ["docs/guide/tutorial.md"];

/** What the text around the code says that the reader has already. */
const given = `
declare const accessKey: string;
declare const secretKey: string;
declare const accountKey: string;
declare const bytes: Uint8Array;
declare const app: import("fastify").FastifyInstance;
declare const storage: import("svc-infra/storage").Storage;
declare const createReadStream: typeof import("node:fs").createReadStream;
declare function oldFiles(): Promise<{ path: string; name: string; contentType: string; key: string }[]>;
`;

/** What must be found, so that it is known that something would be. */
const broken = 'import { addStorage } from "svc-infra";\nawait addStorage(1, { serveFile: true });';

/** Every block of TypeScript on a page, as a file beside it. */
function snippetsOf(page: string): [file: string, code: string][] {
  const blocks = [...readFileSync(page, "utf8").matchAll(/```ts\n(.*?)```/gs)];
  const name = page.replaceAll(/\W/g, "-");
  return blocks.map(([, code = ""], index) => [resolve(dirname(page), `${name}-${index}.ts`), code]);
}

/** What the compiler says against files that are on no disk. */
function problemsOf(files: ReadonlyMap<string, string>): string[] {
  const { config } = ts.readConfigFile("tsconfig.json", ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ".");
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (file) => files.has(file) || fileExists(file);
  host.readFile = (file) => files.get(file) ?? readFile(file);
  const program = ts.createProgram([...files.keys()], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`,
    );
}

/** Milliseconds: the compiler reads the types of every library that a page names. */
const compilingMs = 180_000;

it("the code on every page compiles as it stands", { timeout: compilingMs }, () => {
  const docs = readdirSync("docs", { recursive: true, encoding: "utf8" }).map((file) => join("docs", file));
  const pages = ["README.md", ...docs].filter((page) => page.endsWith(".md") && !fragments.includes(page));
  const snippets = new Map(pages.flatMap(snippetsOf));
  expect(snippets.size).toBeGreaterThan(10);
  snippets.set(resolve("docs/given.d.ts"), given);
  snippets.set(resolve("docs/broken.ts"), broken);
  const problems = problemsOf(snippets);
  expect(problems.filter((problem) => !problem.includes("docs/broken.ts"))).toEqual([]);
  expect(problems).toHaveLength(1);
});
