import { lstatSync, readdirSync, rmSync } from "node:fs";
import { checkOwnFolders } from "./folders.js";
import { isGone } from "./holder.js";
import { recoverIfStale } from "./lock.js";
import { restoreLost } from "./restore-records.js";
import type { Store } from "./store.js";
import { ownerOfTemp } from "./temp-name.js";
import { discard } from "./whole-file.js";

/** Uploads that nobody has touched for so long are given up, as in the usual S3 lifecycle rule. */
const uploadStaleMs = 7 * 24 * 60 * 60 * 1000;
const claimStaleMs = 10_000;
/** A slow upload from another host may be silent for long, and nobody can ask whether it goes on. */
const foreignTempStaleMs = 24 * 60 * 60 * 1000;

/**
 * Clears away what dead processes left: half-done commits, lost records, temporary files, forgotten uploads.
 *
 * @returns `false` when keys that have lost their records are locked, so that another sweep is needed.
 */
export function sweep(store: Store): boolean {
  const { pendings, temps, uploads } = store.layout;
  const quietly = (work: () => void) => attempt(store, work);
  for (const name of readdirSync(pendings)) quietly(() => sweepPending(store, `${pendings}/${name}`));
  const isRestored = restoreLost(store);
  for (const name of readdirSync(temps)) quietly(() => sweepTemp(`${temps}/${name}`, name));
  for (const name of readdirSync(uploads)) quietly(() => sweepUpload(`${uploads}/${name}`));
  return isRestored;
}

/**
 * A full disk, say, shall not keep a store from being opened: what is left over stays until the next time. As there may be
 * much to sweep, links are looked for each time.
 */
function attempt(store: Store, work: () => void): void {
  try {
    checkOwnFolders(store);
    work();
  } catch {}
}

function sweepPending(store: Store, path: string): void {
  if (!path.includes("!", store.layout.pendings.length)) recoverIfStale(store, path);
  else if (ageMs(path) > claimStaleMs) discard(path);
}

function sweepTemp(path: string, name: string): void {
  const owner = ownerOfTemp(name);
  if (owner === undefined || isGone(owner, ageMs(path), foreignTempStaleMs)) {
    // An upload that was being begun is a folder.
    rmSync(path, { recursive: true, force: true });
  }
}

function sweepUpload(path: string): void {
  if (ageMs(path) > uploadStaleMs) rmSync(path, { recursive: true, force: true });
}

function ageMs(path: string): number {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats === undefined ? 0 : Date.now() - stats.ctimeMs;
}
