import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { safeKey } from "../../storage/index.js";
import { print } from "../output-reader.js";
import { OneFileProgress } from "../storage/one-file-progress.js";
import { storageNote, withStorage } from "../storage/storage-session.js";

interface PutCommandOptions {
  readonly type?: string;
  readonly name?: string;
  readonly meta: Readonly<Record<string, string>>;
  readonly ifAbsent?: true;
  readonly progress?: true;
  readonly json?: true;
}

/** Adds `storage put`: a file, or what comes from stdin, as an object. */
export function registerStoragePut(storage: Command): void {
  storage
    .command("put")
    .description("Store a file, or stdin, under a key.")
    .argument("<file>", "file to store; - reads stdin")
    .argument("[key]", "key (default: a safe form of the file's name; needed for -)")
    .option("--type <type>", "content type (default: what the bytes and the name say)")
    .option("--name <name>", "name for downloads (default: the file's name)")
    .option("--meta <name=value>", "metadata; can be given again", addPair, {})
    .option("--if-absent", "only where there is no object")
    .option("--progress", "show progress also where stderr is no terminal")
    .option("--json", "print what was stored as JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ svc-infra storage put report.pdf reports/2026.pdf
  $ pg_dump shop | STORAGE_MAX_UPLOAD_BYTES=100000000000 svc-infra storage put - backups/shop.sql
  $ svc-infra storage put me.png avatars/7.png --meta by=anna --if-absent

Content over STORAGE_MAX_UPLOAD_BYTES (default: 10485760) is refused, as over HTTP.
${storageNote}`,
    )
    .action(put);
}

async function put(file: string, key: string | undefined, options: PutCommandOptions, command: Command) {
  if (file === "-" && key === undefined) command.error("error: give the key of what comes from stdin");
  const source = file === "-" ? undefined : await openFile(file, command);
  const size = (await source?.stat())?.size;
  const content = source === undefined ? process.stdin : source.createReadStream();
  const filename = options.name ?? (source === undefined ? undefined : basename(file));
  const { type: contentType, meta: metadata, ifAbsent } = options;
  await withStorage(async ({ storage, signal }) => {
    const progress = new OneFileProgress(size, options.progress);
    const described = { contentType, filename, metadata, ifAbsent, size, signal };
    try {
      const stored = await storage.put(key ?? safeKey(basename(file)), progress.count(content), described);
      // Before what is printed, so that the two do not share a line of a terminal.
      progress.end();
      await print(
        options.json
          ? `${JSON.stringify(stored)}\n`
          : `${stored.key}: ${stored.size} bytes, ${stored.contentType}\n`,
      );
    } finally {
      progress.end();
    }
  }).finally(() => {
    // The writer of a pipe may keep it open, which would keep this process.
    content.destroy();
    return source?.close();
  });
}

async function openFile(file: string, command: Command): Promise<FileHandle> {
  const source = await open(file).catch((error: Error) => command.error(`error: ${error.message}`));
  if ((await source.stat()).isFile()) return source;
  await source.close();
  return command.error(`error: '${file}' is no file`);
}

function addPair(text: string, pairs: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("Expected name=value.");
  return { ...pairs, [text.slice(0, at)]: text.slice(at + 1) };
}
