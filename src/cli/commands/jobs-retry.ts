import type { Command } from "commander";
import { jsonOption, say, sayJson } from "../db-command.js";
import { withJobs } from "../jobs-command.js";

interface RetryOptions {
  readonly all?: true;
  readonly json?: true;
}

/** Adds `jobs retry`: lets jobs start over whose last attempt has failed. */
export function registerJobsRetry(jobs: Command): void {
  jobs
    .command("retry")
    .description("Let dead jobs start over: one, or all of them with --all.")
    .argument("[id]", "id of a dead job, as 'jobs list' shows it")
    .option("--all", "every dead job")
    .option(...jsonOption)
    .addHelpText(
      "after",
      `
A job that starts over has all its attempts again. Mend first what made it fail: its error is in 'jobs list'.

Examples:
  $ svc-infra jobs retry 0b5c6a8e-1f0e-4c7e-9d55-0f3b1a0c2d11
  $ svc-infra jobs retry --all --json

Exit codes: 0 done; 1 there is no such dead job.`,
    )
    .action(retry);
}

async function retry(id: string | undefined, { all, json }: RetryOptions, command: Command): Promise<void> {
  if ((id === undefined) !== (all === true)) {
    command.error("error: expected either an id or --all; see svc-infra jobs retry --help");
  }
  const count = await withJobs(({ queue }) => queue.retry(id));
  if (json) sayJson({ retried: count });
  else say(`${count} of the dead jobs ${count === 1 ? "starts over" : "start over"}.`);
  if (id !== undefined && count === 0) process.exitCode = 1;
}
