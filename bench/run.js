#!/usr/bin/env node
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { help, parseArguments } from "./harness/arguments.js";
import { install } from "./harness/install.js";
import { machine } from "./harness/machine.js";
import { Progress } from "./harness/progress.js";
import { overviewOf, reportOf } from "./harness/report.js";
import { runCase } from "./harness/rounds.js";
import { summarise } from "./harness/summary.js";
import { verdictsOf } from "./harness/verdicts.js";

const defaultDisk = fileURLToPath(new URL(".data", import.meta.url));

/** @param {import("./harness/arguments.js").Arguments} options */
async function main(options) {
  if (options.wantsHelp) return process.stdout.write(help);
  if (options.isCleaning) return rm(options.disk, { recursive: true, force: true });
  const progress = new Progress();
  progress.show("peers and build");
  install();
  const temporary = await mkdtemp(`${options.dir}/svc-infra-bench-`);
  const about = machine();
  /** @type {import("./harness/report.js").Result[]} */
  const results = [];
  try {
    for (const benchCase of options.cases) {
      results.push(await measureOrFault(benchCase, options, temporary, progress));
      if (options.json)
        await writeFile(options.json, JSON.stringify({ machine: about, results }, undefined, 2));
    }
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  process.stdout.write(overviewOf(results));
  if (results.some(({ fault }) => fault !== undefined)) process.exitCode = 1;
}

/**
 * A case that cannot be measured takes nothing from the others.
 *
 * @param {import("./harness/contracts.js").Case} benchCase
 * @param {import("./harness/arguments.js").Arguments} options
 * @param {string} temporary
 * @param {Progress} progress
 */
async function measureOrFault(benchCase, options, temporary, progress) {
  try {
    return await measureCase(benchCase, options, temporary, progress);
  } catch (error) {
    const { id, title } = benchCase;
    const fault = error instanceof Error ? error.message : String(error);
    progress.clear();
    process.stdout.write(`\n${id}  ${title}\n\n  not measured: ${fault}\n`);
    return { id, title, fault };
  }
}

/**
 * @param {import("./harness/contracts.js").Case} benchCase
 * @param {import("./harness/arguments.js").Arguments} options
 * @param {string} temporary
 * @param {Progress} progress
 */
async function measureCase(benchCase, options, temporary, progress) {
  if (benchCase.isOnDisk) await mkdir(options.disk, { recursive: true });
  const root = benchCase.isOnDisk ? await mkdtemp(`${options.disk}/`) : temporary;
  const folders = { root, temporary };
  const rounds = await runCase(benchCase, options, folders, (text) => progress.show(text));
  progress.clear();
  const tables = summarise(benchCase, rounds);
  const goals = verdictsOf(benchCase, rounds);
  process.stdout.write(reportOf(benchCase, tables, goals));
  return { id: benchCase.id, title: benchCase.title, unit: benchCase.unit, tables, goals, rounds };
}

try {
  await main(parseArguments(process.argv.slice(2), defaultDisk));
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
