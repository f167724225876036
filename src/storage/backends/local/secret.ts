import { randomBytes } from "node:crypto";
import { type FileHandle, link, open, unlink } from "node:fs/promises";
import { DiskError, errnoOf } from "./disk/disk-error.js";
import { createFlags, fileMode, readFlags } from "./disk/files.js";
import { checkOwnFolders } from "./disk/folders.js";
import type { Store } from "./store.js";

/**
 * The signing secret kept beside the data, made by the first process that needs it: sibling processes and restarts agree.
 * It appears by link(2), or by rename(2) where there are no hard links, so that no process reads half of it.
 */
export async function keptSecret(store: Store): Promise<string> {
  checkOwnFolders(store, [store.layout.temps]);
  const path = store.layout.secret;
  const secret = (await readSecret(path)) ?? (await makeSecret(store)) ?? (await readSecret(path));
  if (secret === undefined) throw new DiskError("unavailable", "the kept signing secret cannot be read");
  return secret;
}

async function readSecret(path: string): Promise<string | undefined> {
  const file = await openIfThere(path);
  try {
    if (file === undefined) return undefined;
    if ((await file.stat()).isFile()) return (await file.readFile("utf8")).trim();
    throw new DiskError("configuration", "the kept signing secret is not a file");
  } finally {
    await file?.close();
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, readFlags);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function makeSecret(store: Store): Promise<undefined> {
  const temp = store.newTemp();
  const file = await open(temp, createFlags, fileMode);
  try {
    await file.writeFile(`${randomBytes(32).toString("hex")}\n`);
    await file.sync();
    await link(temp, store.layout.secret);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
  } finally {
    await file.close();
    await unlink(temp);
  }
}
