import { once } from "node:events";
import type { Command } from "commander";
import { type Logger, readEnvironment } from "../../kernel/index.js";
import { say } from "../db-command.js";
import { openJobs, requireServer } from "../jobs-command.js";
import { type JobsModule, loadJobsModule } from "../jobs-module.js";

interface RunOptions {
  readonly registry?: string;
}

/** Adds `jobs run`: a process that handles jobs until a signal ends it. */
export function registerJobsRun(jobs: Command): void {
  jobs
    .command("run")
    .description("Handle the jobs of a module, until SIGTERM or Ctrl-C; running jobs may end then.")
    .option("--registry <path>", "the module that exports the jobs; beats JOBS_REGISTRY")
    .addHelpText(
      "after",
      `
The module exports what defineJob makes, and may export a function setUp({ queue, scheduler }), which runs once at the
start: the place for schedules. Closing takes no longer than JOBS_SHUTDOWN_TIMEOUT.

Examples:
  $ svc-infra jobs run --registry dist/jobs.js
  $ JOBS_REGISTRY=dist/jobs.js JOBS_CONCURRENCY=20 svc-infra jobs run`,
    )
    .action(run);
}

async function run({ registry }: RunOptions): Promise<void> {
  const stopped = stopSignal();
  const env = readEnvironment();
  const module = await loadJobsModule(env, registry);
  say(describe(module));
  const { jobs, close } = await openJobs(env, { jobs: module.jobs }, lineLogger);
  try {
    jobs.start();
    if (module.setUp === undefined && (await jobs.scheduler.list()).length === 0) requireServer(jobs);
    await module.setUp?.(jobs);
    say(`Handling jobs from ${jobs.queue.driver}.`);
    await stopped;
    say("Closing: no more jobs are taken.");
  } finally {
    await close();
  }
  say("Closed.");
}

/** Jobs in memory have no connection that keeps the process, so a timer does. */
async function stopSignal(): Promise<void> {
  const keeper = setInterval(() => undefined, 2 ** 31 - 1);
  await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
  clearInterval(keeper);
}

function describe({ path, jobs, skipped }: JobsModule): string {
  const names = jobs.map(({ name }) => name).join(", ");
  return `  ${path}: ${names}${skipped.length === 0 ? "" : `; no jobs: ${skipped.join(", ")}`}`;
}

/** One line for each event; what failed goes to standard error with its reason. */
const lineLogger: Logger = {
  debug: () => undefined,
  info: (facts: object | string, message?: string) => say(lineOf(facts, message)),
  warn: (facts: object | string, message?: string) => complain(facts, message),
  error: (facts: object | string, message?: string) => complain(facts, message),
};

function complain(facts: object | string, message?: string): void {
  process.stderr.write(`${lineOf(facts, message)}\n`);
}

function lineOf(facts: object | string, message = ""): string {
  if (typeof facts === "string") return facts;
  const { err, id }: { readonly err?: unknown; readonly id?: unknown } = facts;
  const reason = err instanceof Error ? `: ${err.message}` : "";
  return `${message || JSON.stringify(facts)}${id === undefined ? "" : ` (${id})`}${reason}`;
}
