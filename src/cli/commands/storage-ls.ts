import type { Command } from "commander";
import type { ListedFile, Storage } from "../../storage/index.js";
import { print } from "../output-reader.js";
import { storageNote, wholeNumber, withStorage } from "../storage/storage-session.js";

interface ListOptions {
  readonly long?: true;
  readonly folders?: true;
  readonly limit?: number;
  readonly json?: true;
}

/** What one line tells: an object, or with `--folders` what lies deeper. */
type Entry = ListedFile | { readonly prefix: string };

/** Adds `storage ls`: keys, as they are found. */
export function registerStorageLs(storage: Command): void {
  storage
    .command("ls")
    .description("List keys, in byte order.")
    .argument("[prefix]", "only keys that begin with this", "")
    .option("-l, --long", "size and date before each key")
    .option("--folders", "what lies behind the next '/' as one line")
    .option("--limit <number>", "stop after so many lines", wholeNumber)
    .option("--json", "print a JSON object on each line")
    .addHelpText(
      "after",
      `
Examples:
  $ svc-infra storage ls
  $ svc-infra storage ls photos/ --folders
  $ svc-infra storage ls --json | jq -r 'select(.size > 1000000).key'

${storageNote}`,
    )
    .action(list);
}

async function list(prefix: string, options: ListOptions): Promise<void> {
  await withStorage(async ({ storage, signal }) => {
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    for await (const entry of entriesOf(storage, prefix, options.folders === true, signal)) {
      await print(`${lineOf(entry, options)}\n`);
      left -= 1;
      if (left === 0) return;
    }
  });
}

async function* entriesOf(
  storage: Storage,
  prefix: string,
  isByFolder: boolean,
  signal: AbortSignal,
): AsyncGenerator<Entry> {
  if (!isByFolder) {
    yield* storage.listAll({ prefix, signal });
    return;
  }
  let cursor: string | undefined;
  do {
    const page = await storage.list({ prefix, delimiter: "/", limit: 1000, cursor, signal });
    yield* page.prefixes.map((each) => ({ prefix: each }));
    yield* page.items;
    ({ cursor } = page);
  } while (cursor !== undefined);
}

function lineOf(entry: Entry, { long, json }: ListOptions): string {
  if (json) return JSON.stringify(entry);
  if ("prefix" in entry) return long ? `${" ".repeat(36)}  ${entry.prefix}` : entry.prefix;
  const { key, size, lastModified } = entry;
  return long ? `${String(size).padStart(12)}  ${lastModified.toISOString().slice(0, 19)}Z  ${key}` : key;
}
