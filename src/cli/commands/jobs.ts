import type { Command } from "commander";
import { registerJobsList } from "./jobs-list.js";
import { registerJobsPurge } from "./jobs-purge.js";
import { registerJobsRetry } from "./jobs-retry.js";
import { registerJobsRun } from "./jobs-run.js";

/** Adds `jobs`: a worker, and what to do about the jobs that failed. */
export function registerJobs(program: Command): void {
  const jobs = program
    .command("jobs")
    .description("Handle jobs, and look after those that failed.")
    .addHelpText(
      "after",
      `
Examples:
  $ svc-infra jobs run --registry dist/jobs.js     a process that handles jobs
  $ svc-infra jobs list                            those whose last attempt has failed
  $ svc-infra jobs retry --all                     lets them start over`,
    );
  registerJobsRun(jobs);
  registerJobsList(jobs);
  registerJobsRetry(jobs);
  registerJobsPurge(jobs);
}
