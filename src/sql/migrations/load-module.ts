import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { loadPeer } from "../../kernel/index.js";
import { MigrationError } from "./migration-error.js";

const extensions = [".ts", ".mts", ".js", ".mjs"];

/**
 * The modules that paths name: files, and folders with all modules that lie in them.
 *
 * @throws MigrationError for a path at which nothing is.
 */
export function findModules(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    if (!existsSync(path)) {
      throw new MigrationError(`there is no ${path}; SQL_SCHEMA or --schema names the modules of the tables`);
    }
    if (!statSync(path).isDirectory()) return [path];
    const names = readdirSync(path).filter(isModule).sort();
    return names.map((name) => join(path, name));
  });
}

/**
 * Gives work a way to import modules. With one in TypeScript among them all are compiled first, as Node 20 cannot read it, and
 * all at once, so that what several of them import is there once. Their packages are those of their own folder.
 */
export async function withModules<T>(
  paths: readonly string[],
  work: (load: (path: string) => Promise<object>) => Promise<T>,
): Promise<T> {
  if (!paths.some((path) => /\.m?ts$/.test(path))) return work((path) => importFile(resolve(path)));
  const folder = mkdtempSync(join(dirname(resolve(paths[0] ?? "")), ".svc-infra-"));
  const compiled = compile(paths, folder);
  compiled.catch(() => undefined);
  try {
    return await work(async (path) => {
      await compiled;
      return importFile(join(folder, `${nameOf(paths.indexOf(path))}.mjs`));
    });
  } finally {
    await compiled.catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  }
}

function importFile(file: string): Promise<object> {
  return import(pathToFileURL(file).href);
}

interface Esbuild {
  build(options: object): Promise<unknown>;
}

/** esbuild comes with drizzle-kit. */
async function compile(paths: readonly string[], folder: string): Promise<void> {
  const { build } = await loadPeer<Esbuild>("drizzle-kit", "a module in TypeScript", async () => {
    const kit = createRequire(import.meta.url).resolve("drizzle-kit/api");
    return createRequire(kit)("esbuild");
  });
  await build({
    entryPoints: Object.fromEntries(paths.map((path, index) => [nameOf(index), resolve(path)])),
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    packages: "external",
    logLevel: "silent",
  });
}

function nameOf(index: number): string {
  return `module-${index}`;
}

function isModule(name: string): boolean {
  return extensions.includes(extname(name)) && !name.endsWith(".d.ts") && !name.startsWith(".");
}
