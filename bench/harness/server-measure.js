import { readFileSync, writeFileSync } from "node:fs";

const ticksPerSecond = 100;

/**
 * Times work that other processes do: their CPU and memory count, not ours.
 *
 * @param {readonly number[]} pids
 * @param {number} operations
 * @param {() => Promise<unknown>} work
 * @param {{ bytes?: number }} [about]
 * @returns {Promise<import("./measure.js").Measure>}
 */
export async function measureServer(pids, operations, work, about = {}) {
  for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, "5");
  const before = rssOf(pids, "VmRSS");
  const cpu = cpuSeconds(pids);
  const start = process.hrtime.bigint();
  const fault = await work();
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  const peak = rssOf(pids, "VmHWM");
  return {
    ms,
    operations,
    cpuUs: ((cpuSeconds(pids) - cpu) * 1e6) / operations,
    peakRssMiB: peak,
    growthMiB: Math.max(0, peak - before),
    bytes: about.bytes,
    fault: typeof fault === "string" ? fault : undefined,
  };
}

/**
 * What servers hold that listen and have had no request yet.
 *
 * @param {readonly number[]} pids
 * @returns {number} MiB
 */
export function idleRss(pids) {
  return rssOf(pids, "VmRSS");
}

/** User and system time (proc(5), stat). @param {readonly number[]} pids */
function cpuSeconds(pids) {
  return sum(pids, (pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  });
}

/**
 * @param {readonly number[]} pids
 * @param {"VmRSS" | "VmHWM"} field
 */
function rssOf(pids, field) {
  return sum(pids, (pid) => {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    return Number(new RegExp(`^${field}:\\s+([0-9]+) kB`, "m").exec(status)?.[1]) / 1024;
  });
}

/**
 * @param {readonly number[]} pids
 * @param {(pid: number) => number} value
 */
function sum(pids, value) {
  return pids.reduce((total, pid) => total + value(pid), 0);
}
