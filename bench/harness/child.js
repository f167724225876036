import { mkdir } from "node:fs/promises";
import { adapterNamed } from "../adapters/index.js";
import { caseWithId } from "../cases/index.js";

/**
 * One sample in a process of its own: told what to do by the first argument, answers over IPC.
 *
 * @typedef {object} Task
 * @property {string} caseId
 * @property {string} adapter
 * @property {string} dir
 * @property {string} spareDir
 * @property {string} endpoint
 * @property {number} scale
 * @property {boolean} isPreparation
 */

/** @type {Task} */
const task = JSON.parse(process.argv[2] ?? "{}");
const benchCase = caseWithId(task.caseId);
const adapter = await adapterNamed(task.adapter);
const open = async (dir = task.dir, isDurable = benchCase.isDurable ?? false) => {
  await mkdir(dir, { recursive: true });
  return /** @type {import("./contracts.js").Store} */ (
    await adapter.open({ dir, isDurable, endpoint: task.endpoint })
  );
};
const openSpare = () => open(task.spareDir, false);
const context = { dir: task.dir, scale: task.scale, open, openSpare };
const answer = task.isPreparation ? await benchCase.prepare?.(context) : await benchCase.run(context);
process.send?.(answer ?? {}, () => process.disconnect());
