import { existsSync, realpathSync } from "node:fs";
import { lstat, mkdir, open, realpath, stat } from "node:fs/promises";
import { dirname, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { ServiceError } from "../../../contract/service-error.js";
import { errnoOf } from "./disk-error.js";
import { folderMode } from "./files.js";
import type { Layout } from "./layout.js";

/**
 * Makes the base folder and those above it, and resolves to its real path; it may itself be a link.
 *
 * @throws ServiceError `configuration` or `permission_denied`, naming the variable.
 */
export async function makeBaseFolder(basePath: string, isDurable: boolean): Promise<string> {
  try {
    await makeWithParents(basePath, isDurable);
    if ((await stat(basePath)).isDirectory()) return await realpath(basePath);
  } catch (error) {
    throw unusable(basePath, error);
  }
  throw unusable(basePath, undefined);
}

/**
 * Refuses a base folder in which an upload could become configuration or code: one that is or holds the working
 * directory or this package, or that holds a `.env` of another program.
 *
 * @throws ServiceError `configuration`, naming the variable.
 */
export function refuseUnsafeBase(layout: Layout): void {
  const base = layout.base || sep;
  const isHeld = (path: string) => path === base || path.startsWith(base === sep ? base : base + sep);
  const unsafe = [process.cwd(), ...thisPackage()].map((path) => realpathSync(path)).find(isHeld);
  const found = unsafe ?? foreignDotEnv(layout);
  if (found === undefined) return;
  throw new ServiceError(
    "configuration",
    `the base path '${base}' (STORAGE_BASE_PATH, basePath) holds '${found}': uploads need a folder of their own`,
  );
}

/** `.env` is a key like others: what was stored under it has a sidecar, or a lock while its write is not settled. */
function foreignDotEnv(layout: Layout): string | undefined {
  const dotEnv = layout.body(".env");
  const isStored = [layout.sidecar(".env"), layout.lock(".env")].some((path) => existsSync(path));
  return !isStored && existsSync(dotEnv) ? dotEnv : undefined;
}

/** The file of this module, where a bundler has left it its address. */
function thisPackage(): string[] {
  const file = import.meta.url?.startsWith("file:") ? fileURLToPath(import.meta.url) : "";
  return existsSync(file) ? [file] : [];
}

/** Makes an own folder of the store, which must not be a link. */
export async function makeOwnFolder(layout: Layout, path: string, isDurable: boolean): Promise<void> {
  await makeWithParents(path, isDurable);
  if (!(await lstat(path)).isDirectory()) throw notAFolder(layout, path);
}

export function notAFolder(layout: Layout, path: string): ServiceError {
  return new ServiceError("permission_denied", `'${layout.nameOf(path)}' in the base path is not a folder`);
}

/** Not `recursive: true`, which never returns where a file system refuses to make a folder with ENOENT, as /proc does. */
async function makeWithParents(path: string, isDurable: boolean): Promise<void> {
  const made = await tryMake(path);
  if (made === "no parent") {
    await makeWithParents(dirname(path), isDurable);
    await mkdir(path, folderMode).catch(ignoreExisting);
  }
  if (made !== "was there" && isDurable) await syncFolder(dirname(path));
}

async function tryMake(path: string): Promise<"made" | "was there" | "no parent"> {
  try {
    await mkdir(path, folderMode);
    return "made";
  } catch (error) {
    if (errnoOf(error) === "ENOENT" && dirname(path) !== path) return "no parent";
    ignoreExisting(error);
    return "was there";
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function ignoreExisting(error: unknown): void {
  if (errnoOf(error) !== "EEXIST") throw error;
}

function unusable(basePath: string, error: unknown): Error {
  const errno = errnoOf(error);
  const isForbidden = errno === "EACCES" || errno === "EPERM" || errno === "EROFS";
  const reason = error === undefined ? "it is not a folder" : `${errno ?? error}`;
  const message = `the base path '${basePath}' (STORAGE_BASE_PATH) cannot be used: ${reason}`;
  return new ServiceError(isForbidden ? "permission_denied" : "configuration", message, { cause: error });
}
