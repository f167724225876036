import { type Dirent, mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { notAFolder } from "./base-folder.js";
import { baseIsGone, DiskError, errnoOf } from "./disk-error.js";
import { folderOf, type Layout } from "./layout.js";
import { linkInTheWay } from "./real-folders.js";
import type { Store } from "./store.js";
import { folderMode, lstatIfThere } from "./whole-file.js";

const maxAttempts = 8;

/**
 * Refuses to work where the store's own folders are reached by a link, and makes those anew that are gone, as somebody
 * may clear away what is empty. Asked once for writes that are made together.
 *
 * @throws DiskError `permission_denied` where a link or a file is in the way; `unavailable` when the base, or all that the
 * store keeps there, is gone.
 */
export function checkOwnFolders(store: Store): void {
  const { layout, realFolders } = store;
  realFolders.together(() => {
    if (!realFolders.isReal(layout.own)) throw baseIsGone();
    for (const path of layout.folders()) if (!realFolders.isReal(path)) makeOwnAnew(store, path);
  });
}

function makeOwnAnew({ layout, realFolders, sync }: Store, path: string): void {
  try {
    mkdirSync(path, folderMode);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
  }
  sync.folder(layout.own);
  realFolders.lookAnew(path);
  if (realFolders.isReal(path)) return;
  throw lstatIfThere(path) === undefined ? baseIsGone() : notAFolder(layout, path);
}

/** {@link checkOwnFolders} for a thread that uses one of them, and waits for the disk only when that is gone. */
export async function checkOwnFolder(store: Store, path: string): Promise<void> {
  if (!(await store.realFolders.isRealLater(path))) checkOwnFolders(store);
}

/**
 * Makes a folder and those above it for `key`, each durable in its parent. Others may prune meanwhile.
 *
 * @throws DiskError `unavailable` when the base, or all that the store keeps there, is gone: it is not made anew.
 */
export function makeFolder(store: Store, path: string, key: string): void {
  const { layout, realFolders } = store;
  const top = path.startsWith(`${layout.own}/`) ? layout.own : layout.base;
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    realFolders.lookAnew(path);
    if (!realFolders.isReal(top)) throw baseIsGone();
    if (realFolders.isReal(path)) return;
    makeMissing(store, top, path, key);
  }
  throw new DiskError("busy", "the folder of the key is being removed by others");
}

function makeMissing(store: Store, top: string, path: string, key: string): void {
  let end = path.indexOf("/", top.length + 1);
  while (end !== -1) {
    makeOne(store, path.slice(0, end), key);
    end = path.indexOf("/", end + 1);
  }
  if (path !== top) makeOne(store, path, key);
}

function makeOne(store: Store, path: string, key: string): void {
  try {
    mkdirSync(path, folderMode);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "EEXIST") checkFolder(store.layout, path, key);
    else if (errno !== "ENOENT") throw error;
    return;
  }
  store.sync.folder(folderOf(path));
}

function checkFolder(layout: Layout, path: string, key: string): void {
  const stats = lstatIfThere(path);
  if (stats === undefined || stats.isDirectory()) return;
  const other = path.slice(layout.base.length + 1);
  if (stats.isSymbolicLink()) throw linkInTheWay(layout, path);
  throw new DiskError("key_conflict", `'${key}' cannot be an object while '${other}' is one`);
}

/**
 * Makes room for an object where a folder stands: an empty one is left over and goes.
 *
 * @throws DiskError `key_conflict` naming the object that lies in it.
 */
export function clearEmptyFolder(layout: Layout, path: string, top = path): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const inner = `${path}/${entry.name}`;
    if (!entry.isDirectory()) throw conflictBelow(layout, top, inner);
    clearEmptyFolder(layout, inner, top);
  }
  removeIfEmpty(path);
}

function conflictBelow(layout: Layout, path: string, inner: string): DiskError {
  const start = layout.base.length + 1;
  const [key, other] = [path.slice(start), inner.slice(start)];
  return new DiskError("key_conflict", `'${key}' cannot be an object while '${other}' is one`);
}

/** Removes folders that became empty, from `path` upwards, but never `top`, and none that lie behind a link. */
export function prune({ realFolders }: Store, top: string, path: string): void {
  try {
    realFolders.refuseLinks(path);
  } catch {
    return;
  }
  let folder = path;
  while (folder.length > top.length && removeIfEmpty(folder)) folder = folderOf(folder);
}

/** False when something lies in it; that one is gone already is as good as removing it. */
export function removeIfEmpty(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    return errnoOf(error) === "ENOENT";
  }
}

/** Entries of a folder; none when it is gone. */
export function entriesOf(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR") return [];
    throw error;
  }
}
