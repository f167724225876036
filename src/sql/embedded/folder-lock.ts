import { randomUUID } from "node:crypto";
import { linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ConfigurationError } from "../../kernel/index.js";
import { ownIdentity, type ProcessIdentity, stateOf } from "./process-identity.js";

interface LockRecord extends ProcessIdentity {
  /** Tells two locks of one process apart. */
  readonly id: string;
}

/** Another process has the folder. */
class FolderInUse extends ConfigurationError {
  readonly pid: number | "unknown";
  /** Whether that process may end and give it back. */
  readonly mayEnd: boolean;

  constructor(message: string, pid: number | "unknown", mayEnd: boolean) {
    super([{ name: "SQL_URL", message }]);
    this.pid = pid;
    this.mayEnd = mayEnd;
  }
}

/** How long to wait for a folder that another process has, and who hears of it. */
export interface FolderWait {
  /** Milliseconds for each process that has it, as those in a long queue take turns; 0 for not at all. */
  readonly timeoutMs: number;
  /** Told once, with the process that has the folder. */
  readonly onWait: (pid: number | "unknown") => void;
}

const pollMs = 50;

/**
 * {@link lockFolder}, which waits while the folder is in use by a process that may end.
 *
 * @throws ConfigurationError that names the process which still has it at the end.
 */
export async function lockFolderWithin(
  folder: string,
  { timeoutMs, onWait }: FolderWait,
): Promise<() => void> {
  let [holder, endsAt]: [FolderInUse["pid"] | undefined, number] = [undefined, 0];
  for (;;) {
    const taken = tryFolder(folder);
    if (typeof taken === "function") return taken;
    if (holder === undefined && timeoutMs > 0) onWait(taken.pid);
    if (taken.pid !== holder) [holder, endsAt] = [taken.pid, Date.now() + timeoutMs];
    if (Date.now() >= endsAt) throw taken;
    await sleep(pollMs);
  }
}

/** {@link lockFolder}; returns the error where the folder is in use by a process that may end. */
function tryFolder(folder: string): (() => void) | FolderInUse {
  try {
    return lockFolder(folder);
  } catch (error) {
    if (error instanceof FolderInUse && error.mayEnd) return error;
    throw error;
  }
}

/**
 * Takes the folder of an embedded database for this process, as two processes on one folder lose each other's rows
 * without an error. The lock is a file beside the folder. The lock of a process that has ended is taken over at any
 * age.
 *
 * @returns what gives it back.
 * @throws ConfigurationError that names the process which has it.
 */
export function lockFolder(folder: string): () => void {
  const file = `${folder}.lock`;
  const record: LockRecord = { ...ownIdentity(), id: randomUUID() };
  while (!tryLock(file, record)) if (takeOver(folder, file, record)) break;
  return () => {
    if (readRecord(file)?.id === record.id) rmSync(file, { force: true });
  };
}

/** A link appears with its whole content, so that no process reads half a record (link(2)). */
function tryLock(file: string, record: LockRecord): boolean {
  const draft = `${file}.${record.id}`;
  writeFileSync(draft, JSON.stringify(record), { flag: "wx", mode: 0o600 });
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (Object(error).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Takes the lock of a process that is gone. A claim, which has the id of the dead lock in its name, keeps out others that do
 * the same; one whose process died is claimed itself. The last claim replaces the lock, and only then the claims go.
 *
 * @returns false when the lock changed meanwhile.
 */
function takeOver(folder: string, file: string, own: LockRecord): boolean {
  const first = readRecord(file);
  const claim = first && claimAfter(folder, file, first, own);
  if (claim === undefined) return false;
  // Another process may have taken the lock since it was read, and have removed the claim that would have kept this one out.
  if (readRecord(file)?.id !== first?.id) {
    rmSync(claim, { force: true });
    return false;
  }
  renameSync(claim, file);
  const claims = basename(claimOf(file, ""));
  for (const left of readdirSync(dirname(file)).filter((each) => each.startsWith(claims))) {
    rmSync(join(dirname(file), left), { force: true });
  }
  return true;
}

/** Claims what the last of the dead processes left; `undefined` when that is gone meanwhile. */
function claimAfter(folder: string, file: string, first: LockRecord, own: LockRecord): string | undefined {
  for (let last: LockRecord | undefined = first; last !== undefined; ) {
    if (stateOf(last) !== "dead") refuse(folder, file, last);
    const claim = claimOf(file, last.id);
    if (tryLock(claim, own)) return claim;
    last = readRecord(claim);
  }
  return undefined;
}

function claimOf(file: string, id: string): string {
  return `${file}.after-${id}`;
}

function readRecord(file: string): LockRecord | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if (Object(error).code === "ENOENT") return undefined;
    throw error;
  }
}

function refuse(folder: string, file: string, holder: LockRecord | undefined): never {
  const pid = holder?.pid ?? "unknown";
  const state = holder === undefined ? "alive" : stateOf(holder);
  const fix = "set SQL_URL to a PostgreSQL server to use one database from several processes";
  const message =
    state === "alive"
      ? `the folder ${folder} is in use by process ${pid}; end it, or ${fix}`
      : `the folder ${folder} was last used by process ${pid} of another machine or container; if that one is gone, remove ${file}`;
  throw new FolderInUse(message, pid, state === "alive");
}
