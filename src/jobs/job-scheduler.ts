import type { JobDefinition } from "./define-job.js";
import type { JobDriver, Recurrence, ScheduleInfo } from "./job-driver.js";
import { JobError } from "./job-error.js";
import { newJob } from "./job-queue.js";
import { nextRun } from "./next-run.js";

/** When a schedule makes its jobs. */
export interface CronOptions {
  /** Name of the schedule; one that is known is replaced. Default: the name of the job. */
  readonly id?: string;
  /** An IANA name, as in `Europe/Berlin`. Default: UTC. */
  readonly timeZone?: string;
  /** Before this instant no job is made. */
  readonly startAt?: Date;
}

/** Five fields, six with seconds first, or a word as @daily. Croner takes patterns that end, too: with a year, or an instant. */
const endless = /^\s*(?:@\w+|[^\s:]+(?:\s+[^\s:]+){4,5})\s*$/;

/** Makes jobs again and again. Several processes may set the same schedule; its jobs are made once. */
export class JobScheduler {
  readonly #driver: JobDriver;

  /** @internal made by `easyJobs`. */
  constructor(driver: JobDriver) {
    this.#driver = driver;
  }

  /**
   * Makes a job at the times of a cron pattern. A time that a change of the clock skips comes right after the gap; one
   * that the clock shows twice comes once.
   *
   * @param pattern - five fields, six with seconds first, or a word as `@daily`.
   * @throws JobError for a pattern, time zone or payload that is none.
   */
  async cron<Input>(
    pattern: string,
    job: JobDefinition<Input>,
    payload: NoInfer<Input>,
    { timeZone = "UTC", startAt, id = job.name }: CronOptions = {},
  ): Promise<void> {
    if (!endless.test(pattern)) {
      const expected = "expected five fields, six with seconds first, or a word as @daily";
      throw new JobError("job_options_invalid", `cron '${pattern}': ${expected}`);
    }
    nextRun(pattern, timeZone, startAt ?? new Date());
    await this.#add(id, { cron: pattern, timeZone, startAt }, job, payload);
  }

  /** Makes a job now and then every so many milliseconds, 100 at least. */
  async every<Input>(
    everyMs: number,
    job: JobDefinition<Input>,
    payload: NoInfer<Input>,
    { id = job.name }: Pick<CronOptions, "id"> = {},
  ): Promise<void> {
    if (!Number.isInteger(everyMs) || everyMs < 100) {
      throw new JobError("job_options_invalid", `everyMs must be a whole number from 100, not ${everyMs}`);
    }
    await this.#add(id, { everyMs }, job, payload);
  }

  /** Ends a schedule. Returns whether there was one. */
  remove(id: string): Promise<boolean> {
    return this.#driver.unschedule(id);
  }

  /** Every schedule, with the time of its next job. */
  list(): Promise<readonly ScheduleInfo[]> {
    return this.#driver.schedules();
  }

  async #add<Input>(
    id: string,
    when: Recurrence,
    definition: JobDefinition<Input>,
    payload: Input,
  ): Promise<void> {
    const { id: _id, delayMs: _delayMs, dedupKey: _dedupKey, ...job } = newJob("", definition, payload, {});
    await this.#driver.schedule({ id, when, job });
  }
}
