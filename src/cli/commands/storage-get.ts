import { createWriteStream } from "node:fs";
import { open, readlink, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import type { OpenedFile } from "../../storage/index.js";
import { print } from "../output-reader.js";
import { OneFileProgress } from "../storage/one-file-progress.js";
import { storageNote, withStorage } from "../storage/storage-session.js";

interface GetOptions {
  readonly progress?: true;
  readonly json?: true;
}

/** Adds `storage get`: an object as a file, whole or not at all. */
export function registerStorageGet(storage: Command): void {
  storage
    .command("get")
    .description("Write an object to a file; the file appears when it is whole.")
    .argument("<key>", "key of the object")
    .argument("[file]", "file or folder to write; - is stdout (default: the last part of the key, here)")
    .option("--progress", "show progress also where stderr is no terminal")
    .option("--json", "print what was written as JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ svc-infra storage get reports/2026.pdf
  $ svc-infra storage get backups/shop.sql /tmp/shop.sql --progress

A file that is there is replaced, also behind a symbolic link; a pipe or device is written to. ${storageNote}`,
    )
    .action(get);
}

async function get(key: string, file: string | undefined, options: GetOptions): Promise<void> {
  await withStorage(async ({ storage, signal }) => {
    const opened = await storage.open(key, { signal });
    if (file === "-") return pipeline(opened.body, process.stdout, { end: false, signal });
    const target = await targetOf(key, file);
    const progress = new OneFileProgress(opened.size, options.progress);
    try {
      await write(opened, target, progress, signal);
    } finally {
      progress.end();
    }
    const { size, contentType, etag } = opened;
    await print(
      options.json
        ? `${JSON.stringify({ key, file: target, size, contentType, etag })}\n`
        : `${target}: ${size} bytes\n`,
    );
  });
}

async function targetOf(key: string, file: string | undefined): Promise<string> {
  const name = basename(key);
  if (file === undefined) return name;
  const isFolder = (await stat(file).catch(() => undefined))?.isDirectory() === true;
  return isFolder ? join(file, name) : file;
}

/** The place that the name leads to, also where nothing is yet. */
async function behindLinks(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (Object(error).code !== "ENOENT") throw error;
    const next = await readlink(path).catch(() => undefined);
    return next === undefined ? path : behindLinks(resolve(dirname(path), next));
  }
}

/** Only a regular file can be replaced, and no link to it: a pipe or a device is where the bytes go. */
async function write(
  opened: OpenedFile,
  target: string,
  progress: OneFileProgress,
  signal: AbortSignal,
): Promise<void> {
  const found = await stat(target).catch(() => undefined);
  if (found?.isFile() !== false) return writeWhole(opened, await behindLinks(target), progress, signal);
  await pipeline(progress.count(opened.body), createWriteStream(target), { signal });
}

/** Writes beside the target and renames: readers of the target see the old file or the whole new one. */
async function writeWhole(
  { body }: OpenedFile,
  target: string,
  progress: OneFileProgress,
  signal: AbortSignal,
): Promise<void> {
  const part = `${target}.${process.pid}.part`;
  const handle = await open(part, "wx").catch(async (error: unknown) => {
    await body.close();
    throw error;
  });
  try {
    await pipeline(progress.count(body), handle.createWriteStream({ flush: true }), { signal });
    await rename(part, target);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}
