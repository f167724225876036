import type { Command } from "commander";
import type { FileDetails } from "../../storage/index.js";
import { print } from "../output-reader.js";
import { storageNote, withStorage } from "../storage/storage-session.js";

/** Adds `storage stat`: what an object is, without its bytes. */
export function registerStorageStat(storage: Command): void {
  storage
    .command("stat")
    .description("Tell size, type, date, ETag and metadata of an object.")
    .argument("<key>", "key of the object")
    .option("--json", "print it as JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ svc-infra storage stat avatars/7.png
  $ svc-infra storage stat avatars/7.png --json | jq .size

${storageNote}`,
    )
    .action(tell);
}

async function tell(key: string, { json }: { readonly json?: true }): Promise<void> {
  await withStorage(async ({ storage, signal }) => {
    const file = await storage.getMetadata(key, { signal });
    await print(json ? `${JSON.stringify(file)}\n` : linesOf(file));
  });
}

function linesOf(file: FileDetails): string {
  const { metadata, lastModified, ...facts } = file;
  const pairs = Object.entries(metadata).map(([name, value]) => [`meta.${name}`, value]);
  const entries = [...Object.entries(facts), ["lastModified", lastModified.toISOString()], ...pairs];
  const told = entries.filter(([, value]) => value !== undefined);
  return told.map(([name, value]) => `${String(name).padEnd(20)}${value}\n`).join("");
}
