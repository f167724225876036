import { existsSync } from "node:fs";
import type { Command } from "commander";
import {
  ConfigurationError,
  type ConfigurationProblem,
  type Environment,
  readEnvironment,
} from "../../kernel/index.js";
import { Storage } from "../../storage/index.js";
import { Journal } from "../../storage/transfer/journal.js";
import { Transfer, type TransferOptions } from "../../storage/transfer/transfer.js";
import { copyHelp } from "../copy/copy-help.js";
import { type CopyReport, describeReport, reportOf } from "../copy/copy-report.js";
import { journalPath, routeOf } from "../copy/journal-path.js";
import { type End, findOverlap, missingFolder, openEnd } from "../copy/open-end.js";
import { Progress } from "../copy/progress.js";
import type { Side } from "../copy/side-environment.js";
import { strayNames } from "../copy/stray-names.js";
import { Interrupt } from "../interrupt.js";

interface CopyOptions {
  readonly from: string;
  readonly to: string;
  readonly prefix: string;
  readonly concurrency: string;
  readonly journal?: string;
  readonly verify?: true;
  readonly dryRun?: true;
  readonly json?: true;
}

interface Ends {
  readonly from: End;
  readonly to: End;
}

/** Adds `storage copy`: every object of one storage into another, however often it is interrupted. */
export function registerStorageCopy(storage: Command): void {
  storage
    .command("copy")
    .description("Copy all objects of one storage into another; run it again to go on where it was.")
    .requiredOption("--from <url>", "storage to copy from")
    .requiredOption("--to <url>", "storage to copy into")
    .option("--prefix <text>", "copy only keys that begin with this", "")
    .option("--concurrency <number>", "objects to copy at once, 1 to 256", "16")
    .option("--verify", "read everything at the target back and compare it with the source")
    .option("--dry-run", "only say what would be copied")
    .option("--journal <file>", "where to note what is done (default: a file in ./.data/copy)")
    .option("--json", "print the summary as JSON")
    .addHelpText("after", copyHelp())
    .action(copy);
}

async function copy(options: CopyOptions): Promise<void> {
  const ends = await openEnds(options, readEnvironment());
  const interrupt = new Interrupt();
  try {
    for (const side of ["from", "to"] as const) await reach(ends[side], side);
    await transfer(ends, options, interrupt.signal);
  } finally {
    interrupt.release();
    await Promise.all([ends.from.storage.close(), ends.to.storage.close()]);
  }
}

async function reach({ label, storage }: End, side: Side): Promise<void> {
  try {
    await storage.check();
  } catch (error) {
    process.stderr.write(`--${side} ${label} cannot be used:\n`);
    throw error;
  }
}

/** Everything that can be wrong is found before anything starts, and told at once. */
async function openEnds(options: CopyOptions, env: Environment): Promise<Ends> {
  const problems: ConfigurationProblem[] = [];
  const keep = (error: unknown) => {
    if (!(error instanceof ConfigurationError)) throw error;
    problems.push(...error.problems);
  };
  const from = await openEnd(options.from, "from", env).catch(keep);
  const to = await openEnd(options.to, "to", env).catch(keep);
  if (concurrencyOf(options) === undefined)
    problems.push({ name: "--concurrency", message: "expected 1 to 256" });
  const folder = from && missingFolder(from);
  if (folder !== undefined) problems.push({ name: "--from", message: `there is no folder '${folder}'` });
  const overlap = from && to && findOverlap(from, to);
  if (overlap !== undefined) problems.push({ name: "--to", message: overlap });
  if (!from || !to || problems.length > 0) throw new ConfigurationError(problems);
  return { from, to: options.dryRun && missingFolder(to) !== undefined ? await emptied(to) : to };
}

/** To look at a folder that is not there would make it. */
async function emptied(end: End): Promise<End> {
  await end.storage.close();
  const { MemoryBackend } = await import("../../storage/backends/memory/index.js");
  return { ...end, storage: new Storage(new MemoryBackend()) };
}

async function transfer(ends: Ends, options: CopyOptions, signal: AbortSignal): Promise<void> {
  const journal = await openJournal(ends, options);
  const transfer = new Transfer(transferOptions(ends, options, journal, signal));
  const startedAt = performance.now();
  const progress = new Progress(transfer.state, process.stderr);
  let isComplete = false;
  try {
    await transfer.run();
    isComplete = !signal.aborted;
  } finally {
    progress.end();
    journal?.close();
    const durationMs = Math.round(performance.now() - startedAt);
    const run = { from: ends.from.label, to: ends.to.label, isDryRun: options.dryRun === true };
    conclude(reportOf(transfer.state, { ...run, isComplete, durationMs }), options, journal);
  }
}

function transferOptions(
  { from, to }: Ends,
  { prefix, verify, dryRun, json, ...options }: CopyOptions,
  journal: Journal | undefined,
  signal: AbortSignal,
): TransferOptions {
  return {
    source: from.storage,
    target: to.storage,
    prefix,
    concurrency: concurrencyOf(options) ?? 1,
    isVerified: verify === true,
    isDryRun: dryRun === true,
    journal,
    signal,
    strayNames: from.files && strayNames(from.files),
    ...(dryRun && !json ? { onCopied: sayWouldCopy } : {}),
  };
}

function conclude(report: CopyReport, options: CopyOptions, journal: Journal | undefined): void {
  if (report.failed > 0 || report.leftOut > 0) process.exitCode ??= 1;
  process.stdout.write(`${options.json ? JSON.stringify(report, undefined, 2) : describeReport(report)}\n`);
  if (journal?.problem === undefined) return;
  process.stderr.write(`The journal ends early (${journal.problem.message}): going on will ask more.\n`);
}

/** A dry run reads what there is and begins none. */
async function openJournal({ from, to }: Ends, options: CopyOptions): Promise<Journal | undefined> {
  const path = options.journal ?? journalPath(from, to);
  const isReadOnly = options.dryRun === true;
  if (isReadOnly && !existsSync(path)) return undefined;
  process.stderr.write(`${from.label} → ${to.label}, noted in ${path}\n`);
  return Journal.open(path, { route: routeOf(from, to), isReadOnly });
}

function sayWouldCopy(key: string, bytes: number): void {
  process.stdout.write(`would copy ${key} (${bytes} bytes)\n`);
}

function concurrencyOf({ concurrency }: Pick<CopyOptions, "concurrency">): number | undefined {
  const count = /^[0-9]{1,3}$/.test(concurrency) ? Number(concurrency) : 0;
  return count >= 1 && count <= 256 ? count : undefined;
}
