import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import ts from "typescript";

/** Every block of TypeScript on a page. */
export async function documentedCode(page: string): Promise<readonly string[]> {
  return [...(await readFile(page, "utf8")).matchAll(/```ts\n(.*?)```/gs)].map(([, code = ""]) => code);
}

/**
 * Runs a block of TypeScript of a page as it stands, as a module of a project that has the package.
 *
 * @param page - path of the page.
 * @param index - which of its blocks, from 0.
 * @param replacing - text of the block that names a place of the reader's, and what stands for it here.
 * @returns what the block declares or exports.
 */
export async function runDocumentedCode(
  page: string,
  index: number,
  replacing: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>> {
  const block = (await documentedCode(page))[index];
  if (block === undefined) throw new Error(`${page} has no block ${index}`);
  const code = `${replaced(block, replacing)}\nexport { ${declaredIn(block).join(", ")} };`;
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

function replaced(block: string, replacing: Readonly<Record<string, string>>): string {
  return Object.entries(replacing).reduce((text, [here, there]) => {
    if (!text.includes(here)) throw new Error(`the block has no ${here}`);
    return text.replaceAll(here, there);
  }, block);
}

/** Names that a block declares for itself, without those that it exports. */
function declaredIn(block: string): readonly string[] {
  const declarations = block.matchAll(/^(?:const|async function|function|class) (?:\{ (.+?) \}|(\w+))/gm);
  return [...declarations].flatMap(([, several, one = ""]) => several?.split(", ") ?? [one]);
}
