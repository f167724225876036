import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** Who holds a lock or a temporary file. */
export interface Holder {
  /** Where `pid` means a process: host name, boot and pid namespace, for containers may share a name. */
  readonly host: string;
  readonly pid: number;
  /** Start of the process in ticks since boot, so that a reused pid is not taken for it; empty where /proc is missing. */
  readonly startedAt: string;
  /** Tells apart what uses the folder in one process: copies of this module, and other paths to the folder. */
  readonly user: string;
}

const loaded = randomBytes(12);

const bootId = orNothing(() => readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim());
const pidNamespace = orNothing(() => readlinkSync("/proc/self/ns/pid"));

/** Names where a process id of ours means something. */
export const thisHost: string = [hostname(), bootId, pidNamespace].join(" ");

/** Whether a holder's process id means something here, and so the power has not failed since. */
export function isOfThisHost(holder: Holder): boolean {
  return bootId !== undefined && holder.host === thisHost;
}

/** This process, working on the folder whose real path is `base`. */
export function thisHolder(base: string): Holder {
  const user = createHash("sha256").update(loaded).update(base).digest("hex").slice(0, 16);
  return { host: thisHost, pid: process.pid, startedAt: startOf(process.pid) ?? "", user };
}

/**
 * Whether the holder is certainly, or very likely, gone.
 *
 * @param foreignStaleMs - age from which that is likely of a holder whom nobody here can ask.
 */
export function isGone(holder: Holder, ageMs: number, foreignStaleMs: number): boolean {
  if (holder.host !== thisHost) return ageMs > foreignStaleMs;
  if (!isAlive(holder.pid)) return true;
  const startedAt = startOf(holder.pid);
  return startedAt !== undefined && holder.startedAt !== "" && startedAt !== holder.startedAt;
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
  const text = orNothing(() => readFileSync(`/proc/${pid}/stat`, "latin1"));
  return text?.slice(text.lastIndexOf(")") + 2).split(" ")[19];
}

/** What /proc has to say, where there is one. */
function orNothing(look: () => string): string | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
