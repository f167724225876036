import { lstatSync, readdirSync, rmSync } from "node:fs";
import { checkpointSmall } from "./checkpoint.js";
import { isGone } from "./holder.js";
import type { JobState } from "./job-state.js";
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
/** Journals of some hundred records are settled while the store is opened, larger ones when there is time. */
const maxJournalBytes = 64 * 1024;

/**
 * Clears away what dead processes left: half-done commits, journals, temporary files, forgotten uploads.
 *
 * @returns `false` when keys that have lost their records are locked, so that another sweep is needed.
 */
export function sweep(store: Store, state: JobState): boolean {
  const { pendings, temps, uploads } = store.layout;
  for (const name of readdirSync(pendings)) sweepPending(store, `${pendings}/${name}`);
  const isRestored = restoreLost(store);
  checkpointSmall(store, state, maxJournalBytes);
  for (const name of readdirSync(temps)) sweepTemp(`${temps}/${name}`, name);
  for (const name of readdirSync(uploads)) sweepUpload(`${uploads}/${name}`);
  return isRestored;
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
