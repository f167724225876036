import type { Holder } from "./holder.js";
import { ownerOfTemp } from "./temp-name.js";

const fullSuffix = ".full";

/** Path of a journal that nobody adds to any more. */
export function fullPath(path: string): string {
  return path + fullSuffix;
}

/** Whether nobody adds to a journal with this name any more, though its process may live. */
export function isFull(name: string): boolean {
  return name.endsWith(fullSuffix);
}

/** Whose journal it is; `undefined` for names that are not ours. */
export function ownerOfJournal(name: string): Holder | undefined {
  return ownerOfTemp(isFull(name) ? name.slice(0, -fullSuffix.length) : name);
}
