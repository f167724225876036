import { type Command, InvalidArgumentError, Option } from "commander";
import { type JobInfo, type JobState, jobStates } from "../../jobs/index.js";
import { say, sayJson } from "../db-command.js";
import { withJobs } from "../jobs-command.js";

interface ListOptions {
  readonly state: JobState;
  readonly limit: number;
  readonly json?: true;
}

/** Adds `jobs list`: the jobs in one state. */
export function registerJobsList(jobs: Command): void {
  jobs
    .command("list")
    .description("List jobs, the oldest first; without --state those whose last attempt has failed.")
    .addOption(new Option("--state <state>", "where they are").choices(jobStates).default("dead"))
    .option("--limit <number>", "how many at most", readLimit, 100)
    .option("--json", "print them as JSON, with their payloads")
    .addHelpText(
      "after",
      `
A job whose last attempt has failed is dead: it stays, with its error, until it is retried or purged. The queue is the one
of REDIS_URL or of the database; jobs in memory belong to the process that has them.

Examples:
  $ svc-infra jobs list
  $ svc-infra jobs list --state waiting --limit 10
  $ svc-infra jobs list --json | jq -r '.[].error'`,
    )
    .action(list);
}

async function list({ state, limit, json }: ListOptions): Promise<void> {
  const found = await withJobs(({ queue }) => queue.list(state, { limit }));
  if (json) return sayJson(found);
  for (const job of found) say(describe(job));
  if (found.length === 0) say(`No job is ${state}.`);
}

function describe({ id, name, failedAttempts, error }: JobInfo): string {
  const failed = failedAttempts === 0 ? "" : `  ${failedAttempts} failed`;
  return `${id}  ${name}${failed}${error === undefined ? "" : `: ${error}`}`;
}

function readLimit(value: string): number {
  if (/^[1-9][0-9]{0,5}$/.test(value)) return Number(value);
  throw new InvalidArgumentError("Expected a whole number above 0.");
}
