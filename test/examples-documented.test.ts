import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import ts from "typescript";
import { expect, it } from "vitest";

/** What an example takes for granted: the app, and things of the reader's own. */
const given = `
declare const app: import("fastify").FastifyInstance;
declare const request: import("fastify").FastifyRequest;
declare const fastify: typeof import("fastify").fastify;
declare const Fastify: typeof import("fastify").fastify;
declare const swagger: import("fastify").FastifyPluginAsync<{ openapi: object }>;
declare const info: object;
declare const z: typeof import("zod").z;
declare const eq: typeof import("drizzle-orm").eq;
declare const db: import("svc-infra/sql").Database;
declare const pool: { query(text: string): Promise<unknown> };
declare const log: import("fastify").FastifyBaseLogger;
declare const storage: import("svc-infra/storage").Storage;
declare const oldStorage: import("svc-infra/storage").Storage;
declare const newStorage: import("svc-infra/storage").Storage;
declare const archive: import("svc-infra/storage").Storage;
declare const cache: import("svc-infra/cache").Cache;
declare const mail: import("svc-infra/mail").Mail;
declare const mailer: { send(to: string, options: { signal: AbortSignal }): Promise<void> };
declare const queue: import("svc-infra/jobs").JobQueue;
declare const events: import("svc-infra/events").Events;
declare const accounts: import("svc-infra/auth").AuthUsers["accounts"];
declare const invoicePaid: import("svc-infra/events").EventDefinition<{ amount: number }>;
declare const sendWelcome: import("svc-infra/jobs").JobDefinition<{ to: string }>;
declare const sendReport: import("svc-infra/jobs").JobDefinition<{ id: string }>;
declare const cleanUp: import("svc-infra/jobs").JobDefinition<Record<string, never>>;
declare const notes: ReturnType<typeof import("svc-infra/sql").renamed<any>>;
declare const invoices: any;
declare const users: any;
declare const bytes: Uint8Array;
declare const body: Buffer;
declare const query: any;
declare const secret: string;
declare const secrets: string;
declare const userId: string;
declare const id: string;
declare const to: string;
declare const name: string;
declare function handle(body: unknown): Promise<object>;
declare function pay(): Promise<object>;
declare function eraseAccount(): Promise<object>;
declare function deleteProject(): Promise<object>;
declare function listReports(): Promise<object>;
declare function listNotes(tenant: string | undefined): Promise<object>;
declare function listUsers(): Promise<object>;
declare function findUser(id: string): Promise<object>;
declare function fetchRates(): Promise<object>;
`;

/** What must be found, so that it is known that something would be. */
const broken = "await addStorage(1, { serveFile: true });";

const { config } = ts.readConfigFile("tsconfig.json", ts.sys.readFile);
const { options } = ts.convertCompilerOptionsFromJson(
  { ...config.compilerOptions, verbatimModuleSyntax: false, noUnusedLocals: false },
  ".",
);

/** The examples of a source file, as files beside it. */
function examplesOf(file: string): [file: string, code: string][] {
  const comments = [...readFileSync(file, "utf8").matchAll(/\/\*\*(.*?)\*\//gs)];
  const texts = comments.map(([, text = ""]) => text.replace(/^\s*\* ?/gm, ""));
  const examples = texts.flatMap((text) => [...text.matchAll(/(?<!\S)@example[^\n]*\n(.*?)(?=\n@|$)/gs)]);
  return examples.map(([, text = ""], index) => {
    const code = /```ts\n(.*?)```/s.exec(text)?.[1] ?? text;
    return [resolve(file.replace(/\.ts$/, `.example-${index}.ts`)), `${code}\nexport {};\n`];
  });
}

function compile(files: ReadonlyMap<string, string>): ts.Program {
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (file) => files.has(file) || fileExists(file);
  host.readFile = (file) => files.get(file) ?? readFile(file);
  return ts.createProgram([...files.keys()], options, host);
}

/** Every name that the package exports, and from where. */
function exportedNames(): ReadonlyMap<string, string> {
  const { exports } = JSON.parse(readFileSync("package.json", "utf8"));
  delete exports["./package.json"];
  const modules = Object.entries<{ types: string }>(exports);
  const program = ts.createProgram(
    modules.map(([, { types }]) => types),
    options,
  );
  const checker = program.getTypeChecker();
  const namesIn = (file: string) => {
    const source = program.getSourceFile(file);
    const module = source === undefined ? undefined : checker.getSymbolAtLocation(source);
    return module === undefined ? [] : checker.getExportsOfModule(module).map(({ name }) => name);
  };
  // Of a name that several modules have, the first module wins.
  const pairs = modules.flatMap(([path, { types }]) =>
    namesIn(types).map((name) => [name, path.replace(".", "svc-infra")] as const),
  );
  return new Map(pairs.reverse());
}

/** An example imports what the package exports, as an editor does for its reader. */
function withImports(code: string, names: ReadonlyMap<string, string>): string {
  const used = new Set(code.match(/\b[A-Za-z_]\w*\b/g));
  const imports = [...names].filter(([name]) => used.has(name) && !isDeclared(name, code));
  return imports.map(([name, module]) => `import { ${name} } from "${module}";\n`).join("") + code;
}

function isDeclared(name: string, code: string): boolean {
  return new RegExp(`(?:const|class|import) \\{?[^:;=}]*\\b${name}\\b`).test(code);
}

it("every example of a comment compiles", () => {
  const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => join("src", file));
  const names = exportedNames();
  const examples = sources
    .flatMap(examplesOf)
    .map(([file, code]) => [file, withImports(code, names)] as const);
  expect(examples.length).toBeGreaterThan(80);
  const files = new Map<string, string>(examples);
  files.set(resolve("src/given.d.ts"), given);
  files.set(resolve("src/broken.ts"), withImports(`${broken}\nexport {};`, names));
  const problems = ts
    .getPreEmitDiagnostics(compile(files))
    .map(
      ({ file, messageText }) =>
        `${relative(".", file?.fileName ?? "")}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`,
    );
  expect(problems.filter((problem) => !problem.startsWith("src/broken.ts"))).toEqual([]);
  expect(problems).toHaveLength(1);
});

it("every helper of one line has an example", () => {
  const program = ts.createProgram(["dist/index.d.ts"], options);
  const checker = program.getTypeChecker();
  const source = program.getSourceFile("dist/index.d.ts");
  const module = source === undefined ? undefined : checker.getSymbolAtLocation(source);
  const symbols = module === undefined ? [] : checker.getExportsOfModule(module);
  const helpers = symbols.filter(({ name }) => /^(?:add|easy|receive|get)[A-Z]/.test(name));
  expect(helpers.length).toBeGreaterThan(25);
  const tagsOf = (symbol: ts.Symbol) => {
    const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
    return (isAlias ? checker.getAliasedSymbol(symbol) : symbol)
      .getJsDocTags(checker)
      .map(({ name }) => name);
  };
  expect(helpers.filter((symbol) => !tagsOf(symbol).includes("example")).map(({ name }) => name)).toEqual([]);
});
