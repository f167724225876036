import { lstatSync } from "node:fs";
import { isVisibleFolder, prune } from "./folders.js";
import { folderOf } from "./layout.js";
import { acquire } from "./lock.js";
import { pendingText } from "./record.js";
import type { Store } from "./store.js";
import { discard, discardQuietly } from "./whole-file.js";

export interface RemoveJob {
  readonly key: string;
  /** Random; tells this removal from others. */
  readonly version: string;
}

/** Removes an object; resolves to whether this call did it. Its folders go when they are empty. */
export function removeObject(store: Store, { key, version }: RemoveJob): boolean {
  const { layout } = store;
  const body = layout.body(key);
  if (!isObject(body)) return false;
  acquire(store, key, pendingText(key, version, store.holderText));
  try {
    if (!isObject(body) || !discard(body)) return false;
    store.sync.folder(folderOf(body));
    discard(layout.sidecar(key));
  } finally {
    discardQuietly(layout.pending(key));
  }
  prune(layout.base, folderOf(body));
  prune(layout.meta, folderOf(layout.sidecar(key)));
  return true;
}

function isObject(body: string): boolean {
  return isVisibleFolder(folderOf(body)) && lstatSync(body, { throwIfNoEntry: false })?.isFile() === true;
}
