import type { Command } from "commander";
import { say } from "../db-command.js";
import { withJobs } from "../jobs-command.js";

interface PurgeOptions {
  readonly all?: true;
}

/** Adds `jobs purge`: forgets jobs whose last attempt has failed. */
export function registerJobsPurge(jobs: Command): void {
  jobs
    .command("purge")
    .description("Forget dead jobs: one, or all of them with --all.")
    .argument("[id]", "id of a dead job, as 'jobs list' shows it")
    .option("--all", "every dead job")
    .action(purge);
}

async function purge(id: string | undefined, { all }: PurgeOptions, command: Command): Promise<void> {
  if ((id === undefined) !== (all === true)) {
    command.error("error: expected either an id or --all; see svc-infra jobs purge --help");
  }
  const count = await withJobs(({ queue }) => queue.purge(id));
  say(`${count} of the dead jobs ${count === 1 ? "was forgotten" : "were forgotten"}.`);
  if (id !== undefined && count === 0) process.exitCode = 1;
}
