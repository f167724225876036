import type { Stats } from "node:fs";

/** Longer than a tick of any file system's clock, but for those that count whole seconds. */
const tickMs = 50;
const coarseTickMs = 2000;

/**
 * The identity of a folder at one moment: it is the same only while no entry was added, removed or replaced. The
 * modification time can be set by hand, the change time cannot; another folder may have the same one.
 */
export type FolderIdentity = Pick<Stats, "dev" | "ino" | "ctimeMs">;

/** The identity of a folder, and since when it is known to have it, by `performance.now()`. */
export interface SeenFolder {
  readonly identity: FolderIdentity;
  readonly sinceMs: number;
}

export function identityOf({ dev, ino, ctimeMs }: Stats): FolderIdentity {
  return { dev, ino, ctimeMs };
}

export function isSameFolder(one: FolderIdentity | undefined, other: FolderIdentity): boolean {
  return one?.ctimeMs === other.ctimeMs && one.ino === other.ino && one.dev === other.dev;
}

/** `before` itself where the folder still has that identity. */
export function seeAgain(before: SeenFolder | undefined, identity: FolderIdentity): SeenFolder {
  return before !== undefined && isSameFolder(before.identity, identity)
    ? before
    : { identity, sinceMs: performance.now() };
}

/**
 * Whether what changed in the folder after `atMs` got another time: the tick of the change before was over. By the
 * clock of this process, as that of the file system may be another machine's.
 */
export function isSettled({ identity, sinceMs }: SeenFolder, atMs: number): boolean {
  return atMs - sinceMs > (identity.ctimeMs % 1000 === 0 ? coarseTickMs : tickMs);
}
