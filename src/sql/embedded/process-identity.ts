import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** Tells a process from another one that has its number later, on this machine or another. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the words of the system; only compared. */
  readonly startedAt: string | undefined;
  /** The set of processes in which the number holds: a machine since its start, or a container of it. */
  readonly namespace: string;
}

/** This process. */
export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, startedAt: startOf(process.pid), namespace: ownNamespace() };
}

/**
 * Whether the process is there: `unknown` when it runs, or ran, where its number tells nothing here.
 */
export function stateOf({ pid, startedAt, namespace }: ProcessIdentity): "alive" | "dead" | "unknown" {
  if (namespace !== ownNamespace()) return isEarlierBoot(namespace) ? "dead" : "unknown";
  if (!isRunning(pid)) return "dead";
  const start = startOf(pid);
  const isAnother = start !== undefined && startedAt !== undefined && start !== startedAt;
  return isAnother ? "dead" : "alive";
}

/** Processes of a machine do not outlive its restart; a container has the boot id of its machine. */
function isEarlierBoot(namespace: string): boolean {
  const [host, boot] = namespace.split(" ");
  const [ownHost, ownBoot] = ownNamespace().split(" ");
  return host === ownHost && boot !== "" && ownBoot !== "" && boot !== ownBoot;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there and belongs to another user.
    return Object(error).code === "EPERM";
  }
}

/** Clock ticks from the start of the machine on Linux (proc(5)), a date elsewhere. */
function startOf(pid: number): string | undefined {
  try {
    if (process.platform === "linux") return linuxStart(readFileSync(`/proc/${pid}/stat`, "utf8"));
    if (process.platform === "win32") return undefined;
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}

/** The name of the program is in brackets and may hold any text; the start is field 22. */
function linuxStart(stat: string): string | undefined {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

function ownNamespace(): string {
  const boot = readOr("", () => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
  const pids = readOr("", () => readlinkSync("/proc/self/ns/pid"));
  return `${hostname()} ${boot} ${pids}`;
}

function readOr(otherwise: string, read: () => string): string {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
