import { randomBytes } from "node:crypto";
import { type FileHandle, link, open, rename, unlink } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { ServiceError } from "../../contract/service-error.js";
import { isWithoutLinks } from "./commit/commit.js";
import { busy, errnoOf } from "./disk/disk-error.js";
import { createFlags, fileMode, readFlags } from "./disk/files.js";
import { checkOwnFolders } from "./disk/folders.js";
import type { Store } from "./store.js";

const maxTurns = 60;
const turnPauseMs = 50;

/**
 * The signing secret kept beside the data, made by the first process that needs it: sibling processes and restarts
 * agree.
 * It appears by link(2), or by rename(2) where there are no hard links, so that no process reads half of it.
 */
export async function keptSecret(store: Store): Promise<string> {
  checkOwnFolders(store, [store.layout.temps]);
  const path = store.layout.secret;
  const secret = (await readSecret(path)) ?? (await makeSecret(store)) ?? (await readSecret(path));
  if (secret === undefined) throw new ServiceError("unavailable", "the kept signing secret cannot be read");
  return secret;
}

async function readSecret(path: string): Promise<string | undefined> {
  const file = await openIfThere(path);
  try {
    if (file === undefined) return undefined;
    if ((await file.stat()).isFile()) return (await file.readFile("utf8")).trim();
    throw new ServiceError("configuration", "the kept signing secret is not a file");
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
    await moveIfAbsent(temp, store.layout.secret);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
  } finally {
    await file.close();
    await unlink(temp).catch(() => undefined);
  }
}

/** Without hard links an exclusive file lets one process at a time look and rename. */
async function moveIfAbsent(temp: string, path: string): Promise<void> {
  try {
    return await link(temp, path);
  } catch (error) {
    if (!isWithoutLinks(error)) throw error;
  }
  const turn = await openTurn(`${path}.lock`);
  try {
    if ((await readSecret(path)) === undefined) await rename(temp, path);
  } finally {
    await turn.close();
    await unlink(`${path}.lock`);
  }
}

/** The turn of a killed process ends after some seconds. */
async function openTurn(path: string): Promise<FileHandle> {
  for (let attempt = 0; attempt < maxTurns; attempt++) {
    try {
      return await open(path, createFlags, fileMode);
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
      await setTimeout(turnPauseMs);
    }
  }
  await unlink(path).catch(() => undefined);
  throw busy("another process makes the signing secret");
}
