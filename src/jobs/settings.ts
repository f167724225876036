import { z } from "zod";
import {
  flag,
  oneOf,
  redisUrl,
  type SettingOptions,
  type SettingsOf,
  text,
  variable,
  wholeNumber,
} from "../kernel/index.js";
import { plannedSchedules } from "./planned-schedules.js";

/** Where jobs can be kept. */
export const jobsDrivers = ["memory", "postgres", "redis"] as const;

const maxTimerMs = 2 ** 31 - 1;
const milliseconds = `a whole number of milliseconds from 1 to ${maxTimerMs}`;

/** Settings of the jobs. */
export const jobsVariables = {
  driver: variable({
    name: "JOBS_DRIVER",
    type: oneOf(jobsDrivers),
    expected: `one of ${jobsDrivers.join(", ")}`,
    help: "Where jobs are kept.",
    defaultText: "redis with `REDIS_URL`, else postgres when the database is PostgreSQL, else memory",
  }),
  redisUrl,
  queue: variable({
    name: "JOBS_QUEUE_PREFIX",
    type: z.string().regex(/^[A-Za-z0-9_-]{1,60}$/),
    expected: "1 to 60 letters, digits, - and _",
    help: "Name of the queue; services that share a server must each have their own.",
    default: "svc-infra",
  }),
  concurrency: variable({
    name: "JOBS_CONCURRENCY",
    type: wholeNumber({ min: 1, max: 1_000 }),
    expected: "a whole number from 1 to 1000",
    help: "Jobs that one process handles at the same time.",
    default: 4,
  }),
  work: variable({
    name: "JOBS_WORK",
    type: flag,
    expected: "true or false",
    help: "Whether this process handles jobs; false where others do, and this one only enqueues.",
    default: true,
  }),
  enqueueTimeoutMs: variable({
    name: "JOBS_ENQUEUE_TIMEOUT_MS",
    type: wholeNumber({ min: 1, max: maxTimerMs }),
    expected: milliseconds,
    help: "Milliseconds after which a call to a server that does not answer fails.",
    default: 5_000,
  }),
  shutdownTimeoutMs: variable({
    name: "JOBS_SHUTDOWN_TIMEOUT",
    type: wholeNumber({ min: 1, max: maxTimerMs }),
    expected: milliseconds,
    help: "Milliseconds that running jobs have to end when the service closes; then they are given back. `easyServiceApp` leaves them four fifths of SHUTDOWN_TIMEOUT_MS at most.",
    default: 10_000,
  }),
  outboxPollMs: variable({
    name: "JOBS_OUTBOX_POLL_MS",
    type: wholeNumber({ min: 1, max: maxTimerMs }),
    expected: milliseconds,
    help: "Milliseconds between two looks for jobs that committed transactions have left.",
    default: 500,
  }),
  schedule: variable({
    name: "JOBS_SCHEDULE_JSON",
    type: plannedSchedules,
    expected: 'a JSON array of {"job", "cron" or "everyMs", "timeZone", "payload", "id"}',
    help: "Schedules of jobs that this process handles; one that is taken out ends.",
  }),
};

/** What the command line reads besides. */
export const registryVariables = {
  registry: variable({
    name: "JOBS_REGISTRY",
    type: text,
    expected: "the path of a module",
    help: "The module whose exports are the jobs that `svc-infra jobs run` handles.",
  }),
};

/** Values of {@link jobsVariables}. */
export type JobsSettings = SettingsOf<typeof jobsVariables>;

/** Settings given in code, each beating its variable. */
export type JobsOptions = SettingOptions<typeof jobsVariables>;
