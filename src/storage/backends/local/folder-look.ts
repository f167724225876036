import { createHash } from "node:crypto";
import type { Stats } from "node:fs";

/** Longer than a tick of any file system's clock, but for those that count whole seconds. */
const tickMs = 50;
const coarseTickMs = 2000;
const markForm = /^[A-Za-z0-9_-]{16}$/;

/**
 * What a folder was when it was looked at: the same only while nothing in it has come, gone or been replaced. The time of
 * modification can be set by hand, that of change cannot; another folder may have the same one.
 */
export type FolderLook = Pick<Stats, "dev" | "ino" | "ctimeMs">;

/** How a folder looks, and since when as far as is known, by `performance.now()`. */
export interface SeenFolder {
  readonly look: FolderLook;
  readonly sinceMs: number;
}

export function lookOf({ dev, ino, ctimeMs }: Stats): FolderLook {
  return { dev, ino, ctimeMs };
}

export function looksSame(one: FolderLook | undefined, other: FolderLook): boolean {
  return one?.ctimeMs === other.ctimeMs && one.ino === other.ino && one.dev === other.dev;
}

/** A look in few characters, which tell nobody what it was. */
export function lookMark({ dev, ino, ctimeMs }: FolderLook): string {
  return createHash("sha256").update(`${dev}:${ino}:${ctimeMs}`).digest("base64url").slice(0, 16);
}

export function isLookMark(text: string): boolean {
  return markForm.test(text);
}

/** `before` itself where the folder still looks like that. */
export function seeAgain(before: SeenFolder | undefined, look: FolderLook): SeenFolder {
  return before !== undefined && looksSame(before.look, look) ? before : { look, sinceMs: performance.now() };
}

/**
 * Whether what changed in the folder after `atMs` got another time: the tick of the change before was over. By our own
 * clock, as that of the file system may be another machine's.
 */
export function isSettled({ look, sinceMs }: SeenFolder, atMs: number): boolean {
  return atMs - sinceMs > (look.ctimeMs % 1000 === 0 ? coarseTickMs : tickMs);
}
