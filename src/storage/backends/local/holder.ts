import { readFileSync } from "node:fs";
import { hostname } from "node:os";

/** Who holds a lock or a temporary file. */
export interface Holder {
  readonly host: string;
  readonly pid: number;
  /** Start of the process in ticks since boot, so that a reused pid is not taken for it; empty where /proc is missing. */
  readonly startedAt: string;
}

/** Age at which a lock from another host counts as left behind; nobody can ask that host. */
const foreignStaleMs = 30_000;

/** This process. */
export function thisHolder(): Holder {
  return { host: hostname(), pid: process.pid, startedAt: startOf(process.pid) ?? "" };
}

/** Whether the holder is certainly, or after so long very likely, gone. */
export function isGone(holder: Holder, ageMs: number): boolean {
  if (holder.host !== hostname()) return ageMs > foreignStaleMs;
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
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
