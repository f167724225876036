import type { Command } from "commander";
import { registerJobsList } from "./jobs-list.js";
import { registerJobsPurge } from "./jobs-purge.js";
import { registerJobsRetry } from "./jobs-retry.js";
import { registerJobsRun } from "./jobs-run.js";

/** Adds `jobs`: a worker, and what to do about the jobs that failed. */
export function registerJobs(program: Command): void {
  const jobs = program.command("jobs").description("Handle jobs, and look after those that failed.");
  registerJobsRun(jobs);
  registerJobsList(jobs);
  registerJobsRetry(jobs);
  registerJobsPurge(jobs);
}
