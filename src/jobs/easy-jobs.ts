import {
  appEnvOf,
  ConfigurationError,
  type Environment,
  type Logger,
  loadPeer,
  loadSettings,
  readEnvironment,
  silentLogger,
  within,
} from "../kernel/index.js";
import type { SqlDb } from "../sql/index.js";
import { warnOfLeft } from "./bullmq/warn-of-left.js";
import type { JobDefinition } from "./define-job.js";
import type { JobDriver, Worker } from "./job-driver.js";
import { JobQueue } from "./job-queue.js";
import { JobRunner } from "./job-runner.js";
import { JobScheduler } from "./job-scheduler.js";
import type { Outbox } from "./outbox/outbox.js";
import { applySchedules } from "./planned-schedules.js";
import { type JobsOptions, type JobsSettings, jobsVariables } from "./settings.js";

/** Options of {@link easyJobs}. Each setting beats its variable. */
export interface EasyJobsOptions extends JobsOptions {
  /** The kinds of jobs that this process handles; without one, or with `JOBS_WORK=false`, it only enqueues. */
  readonly jobs?: readonly JobDefinition<never>[] | undefined;
  /** The database of the outbox, and of the driver `postgres`. The caller closes it, after the jobs. */
  readonly sql?: SqlDb | undefined;
}

/** What {@link easyJobs} takes besides settings. */
export interface EasyJobsContext {
  /** Default: the process environment over the `.env` file. */
  readonly env?: Environment | undefined;
  /** Hears which driver was chosen, and failed attempts. Default: no logger. */
  readonly log?: Logger;
}

/** The jobs of a service. */
export interface Jobs {
  readonly queue: JobQueue;
  readonly scheduler: JobScheduler;
  /** Asks the server of the queue for an answer. */
  ping(): Promise<void>;
  /** Takes no more jobs, waits for running ones up to `JOBS_SHUTDOWN_TIMEOUT`, gives back the others, and disconnects. */
  close(): Promise<void>;
}

/**
 * Opens the queue that the environment names and handles the jobs that are given, without an app; `addJobs` is this with one.
 *
 * @throws ConfigurationError when the settings are wrong or a package is missing, JobError when the server does not answer.
 * @example
 * ```ts
 * const { queue, scheduler } = await easyJobs({ jobs: [sendWelcome, cleanUp] });
 * await queue.enqueue(sendWelcome, { to: "ada@example.org" }, { delayMs: 60_000 });
 * await scheduler.cron("0 3 * * *", cleanUp, {}, { timeZone: "Europe/Berlin" });
 * ```
 */
export async function easyJobs(options: EasyJobsOptions = {}, context: EasyJobsContext = {}): Promise<Jobs> {
  const jobs = await openJobs(options, context);
  jobs.start();
  return jobs;
}

/** {@link easyJobs}, which handles nothing before it is started. */
export async function openJobs(options: EasyJobsOptions, context: EasyJobsContext): Promise<OpenJobs> {
  const { jobs = [], sql, ...given } = options;
  const { env = readEnvironment(), log = silentLogger } = context;
  const settings = loadSettings(jobsVariables, env, given);
  const { name, reason } = choose(settings, sql);
  const driver = await open(name, settings, sql, log);
  try {
    await plan(jobs, driver, settings);
    const runner = new JobRunner(jobs, name, log);
    const outbox = sql && (await openOutbox(sql, driver, settings, log, jobs));
    log.info({ driver: name, reason }, `jobs are kept in ${name}: ${reason}`);
    if (name === "memory" && appEnvOf(env) === "prod") log.warn(lossy);
    // A database that does not answer keeps no process from its start.
    if (name === "redis" && sql?.kind === "postgres")
      void warnOfLeft(sql.pool, settings.queue, log).catch(() => undefined);
    return new OpenJobs(driver, jobs.length === 0 ? undefined : runner, outbox, settings);
  } catch (error) {
    await driver.close();
    throw error;
  }
}

const lossy =
  "jobs are kept in memory and will be lost when the process ends; set REDIS_URL, or SQL_URL to a PostgreSQL";

export class OpenJobs implements Jobs {
  readonly queue: JobQueue;
  readonly scheduler: JobScheduler;
  readonly #driver: JobDriver;
  readonly #runner: JobRunner | undefined;
  readonly #outbox: Outbox | undefined;
  readonly #settings: JobsSettings;
  #worker: Worker | undefined;
  #stopped: Promise<void> | undefined;
  #endsAt = Number.POSITIVE_INFINITY;
  #closed: Promise<void> | undefined;

  constructor(
    driver: JobDriver,
    runner: JobRunner | undefined,
    outbox: Outbox | undefined,
    settings: JobsSettings,
  ) {
    this.#driver = driver;
    this.#runner = runner;
    this.#outbox = outbox;
    this.#settings = settings;
    this.queue = new JobQueue(driver, outbox);
    this.scheduler = new JobScheduler(driver);
  }

  /** Begins to handle jobs, and to relay those that transactions left. */
  start(): void {
    if (this.#stopped !== undefined) return;
    const { work, concurrency } = this.#settings;
    const runner = work ? this.#runner : undefined;
    if (runner !== undefined) this.#worker = this.#driver.work((job) => runner.run(job), concurrency);
    this.#outbox?.start();
  }

  ping(): Promise<void> {
    return this.#driver.ping();
  }

  /**
   * Takes no more jobs; those that run have until `JOBS_SHUTDOWN_TIMEOUT` from now on. Jobs can still be enqueued. Those in memory
   * would end with the process, so they are handled until `close`.
   */
  stop(): void {
    this.#endsAt = Math.min(this.#endsAt, Date.now() + this.#settings.shutdownTimeoutMs);
    if (this.queue.driver !== "memory") this.#stopWorker();
  }

  #stopWorker(): void {
    this.#stopped ??= Promise.resolve(this.#worker?.close(Math.max(this.#endsAt - Date.now(), 0)));
    // What goes wrong is told to who closes.
    this.#stopped.catch(() => undefined);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.stop();
    this.#stopWorker();
    // At the same time: a database that does not answer the relay must not take the time of the jobs.
    const relayed = this.#outbox && within(this.#settings.shutdownTimeoutMs, this.#outbox.stop());
    await Promise.all([relayed, this.#stopped]);
    await this.#driver.close();
  }
}

async function plan(
  jobs: readonly JobDefinition<never>[],
  driver: JobDriver,
  { schedule }: JobsSettings,
): Promise<void> {
  if (schedule === undefined || jobs.length === 0) return;
  await applySchedules(schedule, jobs, new JobScheduler(driver));
}

function choose(settings: JobsSettings, sql: SqlDb | undefined): { name: JobDriver["name"]; reason: string } {
  if (settings.driver !== undefined)
    return { name: settings.driver, reason: "option driver or JOBS_DRIVER is set" };
  if (settings.redisUrl !== undefined)
    return { name: "redis", reason: "option redisUrl or REDIS_URL is set" };
  if (sql?.kind === "postgres") return { name: "postgres", reason: "the database is PostgreSQL" };
  return { name: "memory", reason: "no server is named" };
}

async function open(
  name: JobDriver["name"],
  { redisUrl, queue, enqueueTimeoutMs }: JobsSettings,
  sql: SqlDb | undefined,
  log: Logger,
): Promise<JobDriver> {
  if (name === "memory") {
    const { MemoryDriver } = await import("./memory/memory-driver.js");
    return new MemoryDriver();
  }
  if (name === "redis") {
    if (redisUrl === undefined) throw settingError("REDIS_URL", "is not set, and the driver is redis");
    await loadPeer("bullmq", "jobs in redis", () => import("bullmq"));
    const { openRedis } = await loadPeer("ioredis", "jobs in redis", () => import("./bullmq/open-redis.js"));
    return openRedis(redisUrl.reveal(), queue, enqueueTimeoutMs, log);
  }
  if (sql?.kind !== "postgres") {
    throw settingError(
      "JOBS_DRIVER",
      "is postgres, and the database is not PostgreSQL; set SQL_URL and call addSqlDb first",
    );
  }
  const { openPostgres } = await loadPeer(
    "bullmq",
    "jobs in postgres",
    () => import("./bullmq/open-postgres.js"),
  );
  return openPostgres(sql.pool, queue, enqueueTimeoutMs, log);
}

async function openOutbox(
  sql: SqlDb,
  driver: JobDriver,
  settings: JobsSettings,
  log: Logger,
  jobs: readonly JobDefinition<never>[],
): Promise<Outbox> {
  const { Outbox } = await import("./outbox/outbox.js");
  const relayed = new Map(
    jobs.flatMap(({ name, relay }) => (relay === undefined ? [] : [[name, relay] as const])),
  );
  return new Outbox(sql, driver, settings.outboxPollMs, log, relayed);
}

function settingError(name: string, message: string): ConfigurationError {
  return new ConfigurationError([{ name, message }]);
}
