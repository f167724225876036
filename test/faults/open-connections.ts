import { readFile } from "node:fs/promises";

/** States of proc(5) in which this side has not let go: established, opening, and told of the other side's end only. */
const heldStates: ReadonlySet<string> = new Set(["01", "02", "08"]);

/**
 * Connections to a port of this machine that their client still holds, as the kernel counts them (Linux): what the
 * other side has heard of an end depends on what it has read.
 */
export async function openConnections(port: number): Promise<number> {
  const [, ...lines] = (await readFile("/proc/net/tcp", "latin1")).trim().split("\n");
  const remote = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , to = "", state = ""]) => to.endsWith(remote) && heldStates.has(state)).length;
}
