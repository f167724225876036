import type { Command } from "commander";
import { jsonOption, say, sayJson } from "../db-command.js";
import { withJobs } from "../jobs-command.js";

interface PurgeOptions {
  readonly all?: true;
  readonly json?: true;
}

/** Adds `jobs purge`: forgets jobs whose last attempt has failed. */
export function registerJobsPurge(jobs: Command): void {
  jobs
    .command("purge")
    .description("Forget dead jobs: one, or all of them with --all.")
    .argument("[id]", "id of a dead job, as 'jobs list' shows it")
    .option("--all", "every dead job")
    .option(...jsonOption)
    .addHelpText(
      "after",
      `
What is forgotten cannot be retried. 'jobs list --json' prints the payloads, for those who want to keep them.

Examples:
  $ svc-infra jobs list --json > dead.json && svc-infra jobs purge --all
  $ svc-infra jobs purge 0b5c6a8e-1f0e-4c7e-9d55-0f3b1a0c2d11 --json

Exit codes: 0 done; 1 there is no such dead job.`,
    )
    .action(purge);
}

async function purge(id: string | undefined, { all, json }: PurgeOptions, command: Command): Promise<void> {
  if ((id === undefined) !== (all === true)) {
    command.error("error: expected either an id or --all; see svc-infra jobs purge --help");
  }
  const count = await withJobs(({ queue }) => queue.purge(id));
  if (json) sayJson({ purged: count });
  else say(`${count} of the dead jobs ${count === 1 ? "was forgotten" : "were forgotten"}.`);
  if (id !== undefined && count === 0) process.exitCode = 1;
}
