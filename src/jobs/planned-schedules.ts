import { z } from "zod";
import { ConfigurationError, type ConfigurationProblem } from "../kernel/index.js";
import type { JobDefinition } from "./define-job.js";
import { JobError } from "./job-error.js";
import type { JobScheduler } from "./job-scheduler.js";

const common = {
  /** Name of a job that this process handles. */
  job: z.string(),
  /** Name of the schedule. Default: the name of the job. */
  id: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,100}$/)
    .optional(),
  payload: z.unknown().default({}),
};
const entry = z.union([
  z.strictObject({ ...common, cron: z.string(), timeZone: z.string().optional() }),
  z.strictObject({ ...common, everyMs: z.int().min(100) }),
]);

/** One schedule of `JOBS_SCHEDULE_JSON`: a job by a cron pattern, or every so many milliseconds. */
export type PlannedSchedule = z.input<typeof entry>;

const parsed = z.string().transform((value, context) => {
  try {
    return JSON.parse(value) as unknown;
  } catch {
    context.addIssue("no JSON");
    return z.NEVER;
  }
});

/** Schedules as JSON, or as an array in code. */
export const plannedSchedules: z.ZodType<readonly PlannedSchedule[]> = z
  .union([parsed, z.array(z.unknown())])
  .pipe(z.array(entry).max(1_000));

/** Begins the ids of planned schedules, which are ended when they are not planned any more. */
const prefix = "env.";

/**
 * Sets the planned schedules, and ends those that were planned before and are not any more. Schedules of code stay.
 *
 * @throws ConfigurationError that names each entry whose job, pattern, time zone or payload is wrong.
 */
export async function applySchedules(
  planned: readonly PlannedSchedule[],
  jobs: readonly JobDefinition<never>[],
  scheduler: JobScheduler,
): Promise<void> {
  const problems: ConfigurationProblem[] = [];
  const ids = new Set<string>();
  for (const each of planned) {
    const id = `${prefix}${each.id ?? each.job}`;
    const problem = ids.has(id)
      ? "comes twice; give each its own 'id'"
      : await apply(each, id, jobs, scheduler);
    if (problem !== undefined) {
      problems.push({ name: "JOBS_SCHEDULE_JSON", message: `'${each.id ?? each.job}' ${problem}` });
    }
    ids.add(id);
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
  for (const { id } of await scheduler.list()) {
    if (id.startsWith(prefix) && !ids.has(id)) await scheduler.remove(id);
  }
}

/** Returns what is wrong with the entry. */
async function apply(
  planned: PlannedSchedule,
  id: string,
  jobs: readonly JobDefinition<never>[],
  scheduler: JobScheduler,
): Promise<string | undefined> {
  const job: JobDefinition | undefined = jobs.find(({ name }) => name === planned.job);
  if (job === undefined) {
    return `names the job '${planned.job}'; this process handles ${jobs.map(({ name }) => name).join(", ")}`;
  }
  const { payload = {} } = planned;
  try {
    if ("cron" in planned) {
      const { cron, timeZone } = planned;
      await scheduler.cron(cron, job, payload, { id, ...(timeZone === undefined ? {} : { timeZone }) });
    } else {
      await scheduler.every(planned.everyMs, job, payload, { id });
    }
    return undefined;
  } catch (error) {
    if (error instanceof JobError && error.code !== "jobs_unavailable") return `is refused: ${error.message}`;
    throw error;
  }
}
