import { type Dirent, mkdirSync, openSync, readdirSync, rmdirSync } from "node:fs";
import type { Store } from "../store.js";
import { notAFolder } from "./base-folder.js";
import { baseIsGone, busy, errnoOf, keyConflict } from "./disk-error.js";
import { createFlags, fileMode, folderMode, lstatIfThere } from "./files.js";
import { folderOf, type Layout } from "./layout.js";
import { linkInTheWay } from "./symlink-guard.js";

const maxAttempts = 8;

/**
 * Refuses to work where an own folder of the store is a symbolic link, and makes those anew that are gone, since
 * an administrator may clear away empty folders.
 *
 * @param paths - the own folders that are used. Default: all of them.
 * @throws ServiceError `permission_denied` where a link or a file is in the way; `unavailable` when the base, or the own
 * folder of the store, is gone.
 */
export function checkOwnFolders(store: Store, paths: readonly string[] = store.layout.folders()): void {
  const { layout, guard } = store;
  for (const path of paths) {
    // A folder that exists shows that the base and the own folder above it do, too.
    if (path === layout.own || guard.isReal(path)) continue;
    if (!guard.isReal(layout.own)) throw baseIsGone();
    makeOwnAnew(store, path);
  }
}

/**
 * Tells an object that is missing from a base folder that is, as while its disk is not mounted.
 *
 * @throws ServiceError `unavailable` when the own folder of the store is gone.
 */
export function checkBase({ layout }: Store): void {
  if (lstatIfThere(layout.own) === undefined) throw baseIsGone();
}

/** Makes a file in an own folder of the store, which is made anew when it is gone. */
export function createOwn(store: Store, folder: string, path: string): number {
  const { guard } = store;
  try {
    return openSync(guard.at(path, folder), createFlags, fileMode);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
  guard.lookAgain();
  checkOwnFolders(store, [folder]);
  return openSync(guard.at(path, folder), createFlags, fileMode);
}

function makeOwnAnew({ layout, guard, sync }: Store, path: string): void {
  try {
    mkdirSync(guard.at(path), folderMode);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
  }
  sync.begin(layout.own);
  if (guard.isReal(path)) return;
  throw lstatIfThere(path) === undefined ? baseIsGone() : notAFolder(layout, path);
}

/**
 * Makes a folder and those above it for `key`. Each is being synced in its parent when this returns. Other writers
 * may remove empty folders meanwhile.
 *
 * @throws ServiceError `unavailable` when the base, or the own folder of the store, is gone: it is not made anew.
 */
export function makeFolder(store: Store, path: string, key: string): void {
  const { layout, guard } = store;
  const top = path.startsWith(`${layout.own}/`) ? layout.own : layout.base;
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    guard.lookAgain();
    if (guard.isReal(path)) return;
    if (!guard.isReal(top)) throw baseIsGone();
    makeMissing(store, top, path, key);
  }
  throw busy("the folder of the key is being removed by others");
}

function makeMissing(store: Store, top: string, path: string, key: string): void {
  for (let end = top.length; end < path.length; ) {
    const next = path.indexOf("/", end + 1);
    end = next === -1 ? path.length : next;
    makeOne(store, path.slice(0, end), key);
  }
}

function makeOne(store: Store, path: string, key: string): void {
  try {
    mkdirSync(store.guard.at(path), folderMode);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "EEXIST") checkFolder(store.layout, path, key);
    else if (errno !== "ENOENT") throw error;
    return;
  }
  store.sync.begin(folderOf(path));
}

function checkFolder(layout: Layout, path: string, key: string): void {
  const stats = lstatIfThere(path);
  if (stats === undefined || stats.isDirectory()) return;
  if (stats.isSymbolicLink()) throw linkInTheWay(layout, path);
  throw keyConflict(key, layout.nameOf(path));
}

/**
 * Makes room for an object where a folder stands: an empty one is left over and is removed.
 *
 * @throws ServiceError `key_conflict` naming the object that lies in it.
 */
export function clearEmptyFolder(store: Store, path: string, top: string = path): void {
  for (const entry of entriesIn(store, path)) {
    const inner = `${path}/${entry.name}`;
    if (!entry.isDirectory()) throw keyConflict(store.layout.nameOf(top), store.layout.nameOf(inner));
    clearEmptyFolder(store, inner, top);
  }
  removeIfEmpty(store, path);
}

/** Removes folders that became empty, from `path` upwards, but never `top`, and none that lie behind a link. */
export function prune(store: Store, top: string, path: string): void {
  let folder = path;
  while (folder.length > top.length && removeIfEmpty(store, folder)) folder = folderOf(folder);
}

/** False when the folder holds something or cannot be reached; that it is gone already is as good as removing it. */
function removeIfEmpty({ guard }: Store, path: string): boolean {
  try {
    rmdirSync(guard.at(path));
    return true;
  } catch (error) {
    return errnoOf(error) === "ENOENT";
  }
}

/** Entries of a folder; none when it is gone or a link is in the way. */
export function entriesIn({ guard }: Store, path: string): Dirent[] {
  const at = guard.visibleFolder(path);
  if (at === undefined) return [];
  try {
    return readdirSync(at, { withFileTypes: true });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR") return [];
    throw error;
  }
}
