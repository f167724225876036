import { type OpenJobs, openJobs as openQueue } from "../jobs/easy-jobs.js";
import type { EasyJobsOptions, Jobs } from "../jobs/index.js";
import {
  ConfigurationError,
  type Environment,
  isVariableSet,
  type Logger,
  readEnvironment,
  silentLogger,
} from "../kernel/index.js";
import { easySqlDb, type SqlDb } from "../sql/index.js";
import { sqlVariables } from "../sql/settings.js";

/** The queue that the environment names, and the database that it may need. */
export interface OpenedJobs {
  readonly jobs: OpenJobs;
  close(): Promise<void>;
}

/** Opens the jobs with the database, when the environment names one. Nothing is handled or relayed before they are started. */
export async function openJobs(
  env: Environment,
  options: EasyJobsOptions = {},
  log: Logger = silentLogger,
): Promise<OpenedJobs> {
  const sql = await openDatabase(env, log);
  try {
    const jobs = await openQueue({ ...options, sql }, { env, log });
    return {
      jobs,
      close: async () => {
        await jobs.close();
        await sql?.close();
      },
    };
  } catch (error) {
    await sql?.close();
    throw error;
  }
}

async function openDatabase(env: Environment, log: Logger): Promise<SqlDb | undefined> {
  const { url, host } = sqlVariables;
  const names = [url.name, ...(url.aliases ?? []), host.name];
  return names.some((name) => isVariableSet(env, name)) ? easySqlDb({}, { env, log }) : undefined;
}

/** Jobs in memory belong to the process that has them; a command is another one. */
export function requireServer({ queue }: Jobs): void {
  if (queue.driver !== "memory") return;
  const message =
    "jobs in memory end with the process that enqueued them, and this command is another process; set REDIS_URL, or SQL_URL to a PostgreSQL";
  throw new ConfigurationError([{ name: "JOBS_DRIVER", message }]);
}

/** Runs work on the queue of the environment, and closes it. */
export async function withJobs<T>(work: (jobs: Jobs) => Promise<T>): Promise<T> {
  const opened = await openJobs(readEnvironment());
  try {
    requireServer(opened.jobs);
    return await work(opened.jobs);
  } finally {
    await opened.close();
  }
}
