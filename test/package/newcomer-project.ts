import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";

/** What a newcomer installs beside the package; both compilers, each under a name of its own. */
const packages = [
  "fastify@5",
  "@fastify/cors@11",
  "@fastify/swagger@9",
  "fastify-type-provider-zod@7",
  "zod@4",
  "pino@10",
  "@azure/storage-blob@12",
  "@types/node@20",
  "typescript-5@npm:typescript@5.9",
  "typescript-6@npm:typescript@6",
];

const compilerOptions = {
  target: "es2023",
  types: ["node"],
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  verbatimModuleSyntax: true,
  skipLibCheck: false,
  outDir: "built",
  rootDir: ".",
};

const sources = ["app.ts", "servers.ts"];

/** How TypeScript finds modules. */
export type Resolution = "nodenext" | "bundler";

/** An empty project into which the packed package was installed. */
export class NewcomerProject {
  readonly folder: string = mkdtempSync(join(tmpdir(), "newcomer-"));
  readonly #children: ChildProcess[] = [];

  /** Packs, installs, and writes the apps. */
  install(): void {
    this.#run("npm", ["pack", "--silent", "--pack-destination", this.folder], process.cwd());
    const tarball = readdirSync(this.folder).find((name) => name.endsWith(".tgz")) ?? "";
    this.#write("package.json", { name: "newcomer", private: true, type: "module" });
    const quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"];
    this.#run("npm", ["install", ...quiet, `./${tarball}`, ...packages], this.folder);
    for (const file of sources) cpSync(join("test/package/newcomer", file), join(this.folder, file));
    // A service on Node has no DOM; a page that is bundled has.
    this.#writeConfiguration("nodenext", { module: "nodenext", lib: ["es2023"] });
    this.#writeConfiguration("bundler", { module: "esnext", moduleResolution: "bundler", noEmit: true });
  }

  /** What the compiler of a version says. */
  async compile(version: 5 | 6, resolution: Resolution): Promise<string> {
    const compiler = join(this.folder, `node_modules/typescript-${version}/lib/tsc.js`);
    const words = [compiler, "-p", `tsconfig.${resolution}.json`, "--pretty", "false"];
    const child = spawn(process.execPath, words, { cwd: this.folder, stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    for await (const text of child.stdout.setEncoding("utf8")) said += text;
    return said;
  }

  /** Starts the compiled app with nothing but these variables. */
  async start(url: string, env: Record<string, string>): Promise<void> {
    const child = spawn(process.execPath, ["built/app.js"], {
      cwd: this.folder,
      env: { PATH: process.env.PATH ?? "", ...env },
      stdio: ["ignore", "ignore", "inherit"],
    });
    this.#children.push(child);
    while (!(await isUp(url))) {
      if (child.exitCode !== null) throw new Error("the app ended");
      await after(50);
    }
  }

  /** What a compiled program prints. */
  output(program: string): string {
    return this.#run(process.execPath, [join("built", program)], this.folder);
  }

  dispose(): void {
    for (const child of this.#children) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  #run(command: string, args: readonly string[], cwd: string): string {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
    if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  }

  #writeConfiguration(resolution: Resolution, options: object): void {
    const configuration = { compilerOptions: { ...compilerOptions, ...options }, files: sources };
    this.#write(`tsconfig.${resolution}.json`, configuration);
  }

  #write(file: string, content: object): void {
    writeFileSync(join(this.folder, file), JSON.stringify(content));
  }
}

async function isUp(url: string): Promise<boolean> {
  return fetch(`${url}/_health/storage`).then(
    ({ ok }) => ok,
    () => false,
  );
}
