import { pipeline } from "node:stream/promises";
import { type Command, InvalidArgumentError } from "commander";
import type { ByteRange } from "../../storage/index.js";
import { storageNote, withStorage } from "../storage/storage-session.js";

/** Adds `storage cat`: the bytes of an object. */
export function registerStorageCat(storage: Command): void {
  storage
    .command("cat")
    .description("Write the bytes of an object to stdout.")
    .argument("<key>", "key of the object")
    .option("--range <first-last>", "only these bytes, from 0: 0-1023, 1024-, or -512 for the last", rangeOf)
    .addHelpText(
      "after",
      `
Examples:
  $ svc-infra storage cat notes/1.txt
  $ svc-infra storage cat logs/today.ndjson | head -1

${storageNote}`,
    )
    .action(cat);
}

async function cat(key: string, { range }: { readonly range?: ByteRange }): Promise<void> {
  await withStorage(async ({ storage, signal }) => {
    const { body } = await storage.open(key, { range, signal });
    await pipeline(body, process.stdout, { end: false, signal });
  });
}

function rangeOf(text: string): ByteRange {
  const [, first, last] = /^([0-9]{0,15})-([0-9]{0,15})$/.exec(text) ?? [];
  if (first && last === "") return { start: Number(first), end: undefined };
  if (first && last && Number(first) <= Number(last)) return { start: Number(first), end: Number(last) };
  if (first === "" && last) return { suffix: Number(last) };
  throw new InvalidArgumentError("Expected bytes like 0-1023, 1024- or -512.");
}
