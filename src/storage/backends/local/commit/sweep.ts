import { readdirSync, rmSync } from "node:fs";
import { discard, lstatIfThere } from "../disk/files.js";
import { checkOwnFolders } from "../disk/folders.js";
import { isGone } from "../record/lock-owner.js";
import { ownerOfTemp } from "../record/temp-name.js";
import type { Store } from "../store.js";
import { recoverIfStale } from "./lock.js";
import { removalsOfJournals } from "./old-journals.js";

/** Uploads that were not touched for so long are given up, as in the usual S3 lifecycle rule. */
const uploadStaleMs = 7 * 24 * 60 * 60 * 1000;
const claimStaleMs = 10_000;
/** A slow upload from another host may be silent for long, and that host cannot be asked. */
const foreignTempStaleMs = 24 * 60 * 60 * 1000;
/** Time in milliseconds for one call, which holds up the event loop. */
const maxSweepMs = 10;

/** Clears away what dead processes left: half-done commits, temporary files, forgotten uploads. */
export class Sweep {
  readonly #store: Store;
  #left: (() => void)[] | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Works for some time. @returns `false` when there is more to do, which a later call continues. */
  run(): boolean {
    this.#left ??= stepsOf(this.#store);
    const deadlineMs = performance.now() + maxSweepMs;
    while (performance.now() < deadlineMs) {
      const step = this.#left.pop();
      if (step === undefined) return true;
      attempt(this.#store, step);
    }
    return false;
  }
}

/** Locks are recovered first, which is the end of the list, as writers may wait for them. */
function stepsOf(store: Store): (() => void)[] {
  const { locks, temps, uploads } = store.layout;
  const steps = (folder: string, step: (path: string, name: string) => void) =>
    namesIn(store, folder).map((name) => () => step(`${folder}/${name}`, name));
  return [
    ...removalsOfJournals(store),
    ...steps(uploads, (path) => sweepUpload(store, path)),
    ...steps(temps, (path, name) => sweepTemp(store, path, name)),
    ...steps(locks, (path, name) => sweepLock(store, path, name)),
  ];
}

function namesIn({ guard }: Store, folder: string): string[] {
  const at = guard.folder(folder);
  return at === undefined ? [] : readdirSync(at);
}

/** A full disk, say, must not keep a store from being opened: what is left over stays until the next time. */
function attempt(store: Store, step: () => void): void {
  try {
    checkOwnFolders(store);
    step();
  } catch {}
}

function sweepLock(store: Store, path: string, name: string): void {
  if (!name.includes("!")) recoverIfStale(store, path, false);
  else if (ageMs(store, path) > claimStaleMs) discard(store.guard.at(path));
}

function sweepTemp(store: Store, path: string, name: string): void {
  const owner = ownerOfTemp(name);
  const isLeft = owner === undefined || isGone(owner, ageMs(store, path), foreignTempStaleMs);
  // An upload that was being begun or removed is a folder.
  if (isLeft) rmSync(store.guard.at(path), { recursive: true, force: true });
}

function sweepUpload(store: Store, path: string): void {
  if (ageMs(store, path) > uploadStaleMs) rmSync(store.guard.at(path), { recursive: true, force: true });
}

function ageMs({ guard }: Store, path: string): number {
  const stats = lstatIfThere(guard.at(path));
  return stats === undefined ? 0 : Date.now() - stats.ctimeMs;
}
