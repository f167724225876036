import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

const child = fileURLToPath(new URL("./child.js", import.meta.url));

/**
 * Runs one task in a fresh process.
 *
 * @param {import("./child.js").Task} task
 * @param {object} options
 * @param {string | undefined} [options.profileDir] Where a CPU profile is left.
 * @param {string | undefined} [options.build] URL of the build that is measured; this checkout's when it is left out.
 * @returns {Promise<Record<string, import("./measure.js").Measure>>}
 */
export async function sample(task, { profileDir, build }) {
  const profile = profileDir ? ["--cpu-prof", `--cpu-prof-dir=${profileDir}`] : [];
  const execArgv = ["--expose-gc", ...profile];
  const env = build === undefined ? process.env : { ...process.env, BENCH_BUILD: build };
  const running = fork(child, [JSON.stringify(task)], { execArgv, env });
  return new Promise((resolve, reject) => {
    /** @type {Record<string, import("./measure.js").Measure> | undefined} */
    let answer;
    running.on("message", (message) => {
      answer = /** @type {typeof answer} */ (message);
    });
    running.on("error", reject);
    running.on("exit", (code) => {
      if (code === 0 && answer !== undefined) resolve(answer);
      else reject(new Error(`${task.caseId} with ${task.adapter} ended with code ${code}`));
    });
  });
}
