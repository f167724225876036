import { mkdir, rm } from "node:fs/promises";
import { adapterNamed } from "../adapters/index.js";
import { isBefore } from "./build.js";
import { pagesAt } from "./listed-keys.js";
import { startS3Stub } from "./s3-stub.js";
import { sample } from "./sample.js";

/** @typedef {import("./measure.js").Measure} Measure */
/** Of one run: `root` is where it is measured, `temporary` in memory. @typedef {{ root: string, temporary: string }} Folders */
/** Of one case: per round, per adapter, per measure. @typedef {Record<string, Record<string, Measure>>[]} Rounds */

/**
 * Runs one case, beside the server that it needs.
 *
 * @param {import("./contracts.js").Case} benchCase
 * @param {import("./arguments.js").Arguments} options
 * @param {Folders} folders
 * @param {(text: string) => void} progress
 * @returns {Promise<Rounds>}
 */
export async function runCase(benchCase, options, folders, progress) {
  if (!benchCase.isOnS3) return runRounds(benchCase, options, folders, "", progress);
  const stub = await startS3Stub({ pages: pagesAt(options.scale) });
  try {
    return await runRounds(benchCase, options, folders, stub.endpoint, progress);
  } finally {
    stub.stop();
  }
}

/**
 * Prepares each layout once, then lets the adapters take turns.
 *
 * @param {import("./contracts.js").Case} benchCase
 * @param {import("./arguments.js").Arguments} options
 * @param {Folders} folders
 * @param {string} endpoint
 * @param {(text: string) => void} progress
 * @returns {Promise<Rounds>}
 */
async function runRounds(benchCase, options, { root, temporary }, endpoint, progress) {
  const { scale } = options;
  const names = benchCase.adapters.filter((name) => isWanted(name, benchCase, options));
  const dirs = await prepare(benchCase, names, options, root, progress);
  /** @type {Rounds} */
  const rounds = [];
  for (let round = 0; round < options.rounds; round += 1) {
    /** @type {Record<string, Record<string, Measure>>} */
    const results = {};
    for (const name of rotated(names, round)) {
      progress(`${benchCase.id}  round ${round + 1} of ${options.rounds}  ${name}`);
      const dir = dirs.get(name) ?? `${root}/${benchCase.id}-${name}-${round}`;
      const spareDir = `${temporary}/spare`;
      const task = {
        caseId: benchCase.id,
        adapter: name,
        dir,
        spareDir,
        endpoint,
        scale,
        isPreparation: false,
      };
      results[name] = await sample(task, {
        profileDir: name.startsWith("svc-infra") ? options.profile : undefined,
        build: buildOf(name, options),
      });
      if (!dirs.has(name) && !benchCase.isOnDisk) await discard(dir);
      await discard(spareDir);
    }
    rounds.push(results);
  }
  for (const dir of new Set(dirs.values())) await discard(dir);
  return rounds;
}

/**
 * @param {string} name
 * @param {import("./contracts.js").Case} benchCase
 * @param {import("./arguments.js").Arguments} options
 */
function isWanted(name, benchCase, { adapters }) {
  return adapters === undefined || name === benchCase.adapters[0] || adapters.includes(name);
}

/**
 * @param {string} name
 * @param {import("./arguments.js").Arguments} options
 */
function buildOf(name, { before }) {
  return isBefore(name) ? before : undefined;
}

/**
 * Another adapter goes first in each round, so that none profits always from warm caches.
 *
 * @param {readonly string[]} names
 * @param {number} by
 */
function rotated(names, by) {
  const at = by % names.length;
  return [...names.slice(at), ...names.slice(0, at)];
}

/**
 * @param {import("./contracts.js").Case} benchCase
 * @param {readonly string[]} names
 * @param {import("./arguments.js").Arguments} options
 * @param {string} root
 * @param {(text: string) => void} progress
 */
async function prepare(benchCase, names, options, root, progress) {
  const { scale } = options;
  /** @type {Map<string, string>} */
  const dirs = new Map();
  if (benchCase.prepare === undefined) return dirs;
  const done = new Set();
  for (const name of names) {
    const { layout } = await adapterNamed(name);
    const dir = `${root}/${benchCase.id}-${layout}`;
    dirs.set(name, dir);
    if (done.has(layout)) continue;
    done.add(layout);
    progress(`${benchCase.id}  preparing ${layout}`);
    await mkdir(dir, { recursive: true });
    const spareDir = "";
    const task = {
      caseId: benchCase.id,
      adapter: name,
      dir,
      spareDir,
      endpoint: "",
      scale,
      isPreparation: true,
    };
    await sample(task, { build: buildOf(name, options) });
  }
  return dirs;
}

/** @param {string} dir */
async function discard(dir) {
  for (const path of [dir, `${dir}-warm`, `${dir}-steady`, `${dir}.cursor`, `${dir}-warm.cursor`]) {
    await rm(path, { recursive: true, force: true });
  }
}
