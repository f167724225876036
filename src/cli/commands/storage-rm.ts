import type { Command } from "commander";
import type { Storage } from "../../storage/index.js";
import { goOnWithoutReader, print } from "../output-reader.js";
import { storageNote, withStorage } from "../storage/storage-session.js";

interface RemoveOptions {
  readonly recursive?: true;
  readonly json?: true;
}

/** Adds `storage rm`: deletes objects, or all below a path. */
export function registerStorageRm(storage: Command): void {
  storage
    .command("rm")
    .description("Delete objects; ends with 1 when one was not there.")
    .argument("<key...>", "keys of the objects; with --recursive paths")
    .option("-r, --recursive", "delete everything below each path: 't/1' means 't/1/...', never 't/10'")
    .option("--json", "print a JSON object for each argument")
    .addHelpText(
      "after",
      `
Examples:
  $ svc-infra storage rm notes/1.txt notes/2.txt
  $ svc-infra storage rm --recursive drafts/7

${storageNote}`,
    )
    .action(remove);
}

async function remove(keys: readonly string[], options: RemoveOptions): Promise<void> {
  goOnWithoutReader();
  await withStorage(async ({ storage, signal }) => {
    for (const key of keys) {
      const deleted = await deletedOf(storage, key, options.recursive === true, signal);
      if (deleted === 0) process.exitCode ??= 1;
      await print(
        options.json ? `${JSON.stringify({ key, deleted })}\n` : `${describe(key, deleted, options)}\n`,
      );
    }
  });
}

async function deletedOf(
  storage: Storage,
  key: string,
  isPath: boolean,
  signal: AbortSignal,
): Promise<number> {
  if (isPath) return storage.deletePrefix(key, { signal });
  return (await storage.delete(key, { signal })) ? 1 : 0;
}

function describe(key: string, deleted: number, { recursive }: RemoveOptions): string {
  if (recursive) return `${key}: ${deleted} deleted`;
  return deleted === 0 ? `${key}: no such object` : `${key}: deleted`;
}
