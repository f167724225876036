import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** The process that holds a lock or a temporary file. */
export interface LockOwner {
  /** Where `pid` means a process: host name, boot and pid namespace, for containers may share a name. */
  readonly host: string;
  readonly pid: number;
  /** Start of the process in ticks since boot, so that a reused pid is not taken for it; empty where /proc is missing. */
  readonly startedAt: string;
  /** Tells apart the users of the folder in one process: copies of this module, and other paths to the folder. */
  readonly user: string;
}

const loaded = randomBytes(12);

const bootId = readOrNothing(() => readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim());
const pidNamespace = readOrNothing(() => readlinkSync("/proc/self/ns/pid"));

/** Names where the process ids of this process mean something. */
export const thisHost: string = [hostname(), bootId, pidNamespace].join(" ");

/** This process, working on the folder whose real path is `base`. */
export function thisOwner(base: string): LockOwner {
  const user = createHash("sha256").update(loaded).update(base).digest("hex").slice(0, 16);
  return { host: thisHost, pid: process.pid, startedAt: startOf(process.pid) ?? "", user };
}

/**
 * Whether the owner is certainly, or very likely, gone.
 *
 * @param foreignStaleMs - age from which that is likely of an owner on another host, which cannot be asked.
 */
export function isGone(owner: LockOwner, ageMs: number, foreignStaleMs: number): boolean {
  if (owner.host !== thisHost) return ageMs > foreignStaleMs;
  if (!isAlive(owner.pid)) return true;
  const startedAt = startOf(owner.pid);
  return startedAt !== undefined && owner.startedAt !== "" && startedAt !== owner.startedAt;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Field 22 of /proc/<pid>/stat (proc(5)); the name in field 2 may hold spaces and parentheses. */
function startOf(pid: number): string | undefined {
  const text = readOrNothing(() => readFileSync(`/proc/${pid}/stat`, "latin1"));
  return text?.slice(text.lastIndexOf(")") + 2).split(" ")[19];
}

/** `undefined` where /proc is missing. */
function readOrNothing(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
