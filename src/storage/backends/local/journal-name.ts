import { renameSync } from "node:fs";
import type { Holder } from "./holder.js";
import { ownerOfTemp } from "./temp-name.js";

const sealedSuffix = ".sealed";

/**
 * Ends a journal: nobody finds it under its old name any more to add to it.
 *
 * @returns its new name; `undefined` where it has none, and waits for the end of its process.
 */
export function seal(folder: string, name: string): string | undefined {
  const sealed = name + sealedSuffix;
  try {
    renameSync(`${folder}/${name}`, `${folder}/${sealed}`);
    return sealed;
  } catch {
    return undefined;
  }
}

/** Whether nobody adds to a journal with this name any more, though its process may live. */
export function isSealed(name: string): boolean {
  return name.endsWith(sealedSuffix);
}

/** Whose journal it is; `undefined` for names that are not ours. */
export function ownerOfJournal(name: string): Holder | undefined {
  return ownerOfTemp(isSealed(name) ? name.slice(0, -sealedSuffix.length) : name);
}
