import type { Command } from "commander";
import { say } from "../db-command.js";
import { withJobs } from "../jobs-command.js";

interface RetryOptions {
  readonly all?: true;
}

/** Adds `jobs retry`: lets jobs start over whose last attempt has failed. */
export function registerJobsRetry(jobs: Command): void {
  jobs
    .command("retry")
    .description("Let dead jobs start over: one, or all of them with --all.")
    .argument("[id]", "id of a dead job, as 'jobs list' shows it")
    .option("--all", "every dead job")
    .action(retry);
}

async function retry(id: string | undefined, { all }: RetryOptions, command: Command): Promise<void> {
  if ((id === undefined) !== (all === true)) {
    command.error("error: expected either an id or --all; see svc-infra jobs retry --help");
  }
  const count = await withJobs(({ queue }) => queue.retry(id));
  say(`${count} of the dead jobs ${count === 1 ? "starts over" : "start over"}.`);
  if (id !== undefined && count === 0) process.exitCode = 1;
}
