// @ts-check
// Runs the servers of a rig. When the process that asked for them ends, however it ends, they end and their folder goes.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, rmSync } from "node:fs";

const [folder = ""] = process.argv.slice(2);
/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();

process.on("message", (/** @type {import("./daemons.js").Order} */ order) => {
  const log = openSync(order.log, "a");
  // Should this process be killed too, the kernel ends the servers.
  const words = ["--pdeathsig", "KILL", "--", order.command, ...order.args];
  const child = spawn("setpriv", words, {
    cwd: folder,
    env: order.env,
    stdio: ["ignore", log, log],
    detached: true,
  });
  closeSync(log);
  running.add(child);
  child.on("error", ({ message }) => report(child, order.id, message));
  child.on("exit", (code, signal) => report(child, order.id, signal ?? code ?? 0));
});

process.on("disconnect", async () => {
  const ends = [...running].map((child) => once(child, "exit"));
  for (const { pid } of running) if (pid !== undefined) killGroup(pid);
  await Promise.all(ends);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/**
 * @param {import("node:child_process").ChildProcess} child
 * @param {number} id
 * @param {string | number} end
 */
function report(child, id, end) {
  running.delete(child);
  if (process.connected) process.send?.({ id, end });
}

/** @param {number} pid */
function killGroup(pid) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended by itself in between.
  }
}
