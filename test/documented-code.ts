import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import ts from "typescript";

/**
 * Runs a block of TypeScript of a page as it stands, as a module of a project that has the package.
 *
 * @param page - path of the page.
 * @param index - which of its blocks, from 0.
 * @returns what the block exports.
 */
export async function runDocumentedCode(page: string, index: number): Promise<Record<string, unknown>> {
  const blocks = [...(await readFile(page, "utf8")).matchAll(/```ts\n(.*?)```/gs)];
  const code = blocks[index]?.[1];
  if (code === undefined) throw new Error(`${page} has no block ${index}`);
  const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  // Inside the project, where the names of packages lead somewhere.
  const folder = await mkdtemp(join(import.meta.dirname, ".documented-"));
  try {
    const file = join(folder, "block.mjs");
    await writeFile(file, ts.transpileModule(code, { compilerOptions: options }).outputText);
    return await import(/* @vite-ignore */ file);
  } finally {
    await rm(folder, { recursive: true });
  }
}
