import { readFileSync, writeFileSync } from "node:fs";

/**
 * @typedef {object} Measure
 * @property {number} ms Wall time of all of it.
 * @property {number} operations
 * @property {number} cpuUs Microseconds of CPU per operation, all threads and the system's share included.
 * @property {number} peakRssMiB
 * @property {number} growthMiB Peak of the resident set over what it was before.
 * @property {number} [idleRssMiB] Of a server that listens and has had no request yet.
 * @property {number | undefined} bytes Bytes moved in all, for throughput.
 * @property {string | undefined} fault What was wrong with the result; such a figure takes part in no ratio.
 */

/**
 * Times one piece of work. Garbage from before is collected first, unless the work is to be found warm: a full collection
 * also throws away compiled code whose objects are not there at that moment, and thousands of calls pass until it is back.
 *
 * @param {number} operations
 * @param {() => Promise<unknown>} work
 * @param {{ bytes?: number, isWarm?: boolean }} [about]
 * @returns {Promise<Measure>}
 */
export async function measure(operations, work, about = {}) {
  if (!about.isWarm) globalThis.gc?.();
  const before = process.memoryUsage.rss();
  resetPeak();
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  await work();
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  const { user, system } = process.cpuUsage(cpu);
  const peak = peakRss();
  return {
    ms,
    operations,
    cpuUs: (user + system) / operations,
    peakRssMiB: peak / 2 ** 20,
    growthMiB: Math.max(0, peak - before) / 2 ** 20,
    bytes: about.bytes,
    fault: undefined,
  };
}

/** Makes the kernel forget the peak so far (proc(5), clear_refs); elsewhere the peak is that of the process. */
function resetPeak() {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {}
}

function peakRss() {
  try {
    const status = readFileSync("/proc/self/status", "latin1");
    return Number(/^VmHWM:\s+([0-9]+) kB/m.exec(status)?.[1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}
