import { type Logger, WorkChannel } from "../kernel/index.js";
import type { JobDefinition } from "./define-job.js";
import { FinalJobFailure, type TakenJob } from "./job-driver.js";
import { JobError } from "./job-error.js";

/** What the channel `svc-infra:jobs:run` tells of one attempt. */
export interface JobRunFacts {
  /** `unknown` for one that no definition of this process has. */
  readonly job: string;
  readonly id: string;
  readonly attempt: number;
  readonly driver: string;
}

const runs = new WorkChannel<JobRunFacts>("svc-infra:jobs:run");

/** The kinds of jobs that this process handles. */
export class JobRunner {
  readonly #jobs = new Map<string, JobDefinition<never>>();
  readonly #driver: string;
  readonly #log: Logger;

  constructor(jobs: readonly JobDefinition<never>[], driver: string, log: Logger) {
    for (const job of jobs) this.#register(job);
    this.#driver = driver;
    this.#log = log;
  }

  /** Runs one attempt. A job that nothing handles, or whose payload breaks its schema, is not tried again. */
  async run(taken: TakenJob): Promise<void> {
    const { id, name, attempt } = taken;
    const facts = { job: name, id, attempt, driver: this.#driver };
    try {
      await runs.run(
        () => ({ ...facts, job: this.#jobs.has(name) ? name : "unknown" }),
        () => this.#handle(taken),
      );
    } catch (error) {
      this.#log.warn({ ...facts, err: error }, `job '${name}' failed`);
      if (error instanceof JobError) throw new FinalJobFailure(error.message, { cause: error });
      throw error;
    }
  }

  async #handle({ payload, ...context }: TakenJob): Promise<void> {
    const job = this.#jobs.get(context.name);
    if (job === undefined) {
      throw new JobError(
        "job_unknown",
        `nothing handles jobs named '${context.name}'; is it in the 'jobs' of this process?`,
      );
    }
    await job.handle(payload, { ...context, log: this.#log });
  }

  #register(job: JobDefinition<never>): void {
    const known = this.#jobs.get(job.name);
    if (known !== undefined && known !== job) {
      throw new JobError("job_options_invalid", `two jobs are named '${job.name}'`);
    }
    this.#jobs.set(job.name, job);
  }
}
