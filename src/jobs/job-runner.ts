import { type Logger, WorkChannel } from "../kernel/index.js";
import type { JobContext, JobDefinition } from "./define-job.js";
import type { TakenJob } from "./job-driver.js";
import { JobError } from "./job-error.js";

/** What the channel `svc-infra:jobs:run` tells of one attempt. */
export interface JobRunFacts {
  /** `unknown` for one that no definition of this process has. */
  readonly job: string;
  readonly id: string;
  readonly attempt: number;
  readonly driver: string;
  /** The span that enqueued the job, as a `traceparent` header names it. */
  readonly traceparent?: string | undefined;
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

  /** Runs one attempt. A job that nothing handles here is tried again: a process of a newer version may take it then. */
  async run(taken: TakenJob): Promise<void> {
    const { id, name, attempt, traceparent } = taken;
    try {
      await runs.run(
        () => ({
          job: this.#jobs.has(name) ? name : "unknown",
          id,
          attempt,
          driver: this.#driver,
          traceparent,
        }),
        () => this.#handle(taken),
      );
    } catch (error) {
      const facts = { job: name, id, attempt, driver: this.#driver, err: error };
      this.#log.warn(facts, `job '${name}' failed`);
      throw error;
    }
  }

  #handle(taken: TakenJob): Promise<unknown> {
    const { name } = taken;
    const job = this.#jobs.get(name);
    if (job === undefined) {
      throw new JobError(
        "job_unknown",
        `nothing handles jobs named '${name}'; is it in the 'jobs' of this process?`,
      );
    }
    return job.handle(taken.payload, new RunContext(taken, this.#log));
  }

  #register(job: JobDefinition<never>): void {
    const known = this.#jobs.get(job.name);
    if (known !== undefined && known !== job) {
      throw new JobError("job_options_invalid", `two jobs are named '${job.name}'`);
    }
    this.#jobs.set(job.name, job);
  }
}

/** What a handler is told; the signal is made when it is read. */
class RunContext implements JobContext {
  readonly #taken: TakenJob;
  readonly id: string;
  readonly name: string;
  readonly attempt: number;
  readonly log: Logger;

  constructor(taken: TakenJob, log: Logger) {
    this.#taken = taken;
    this.id = taken.id;
    this.name = taken.name;
    this.attempt = taken.attempt;
    this.log = log;
  }

  get signal(): AbortSignal {
    return this.#taken.signal;
  }

  /** A function of its own, as handlers take it out of the context. */
  get progress(): JobContext["progress"] {
    return (value) => this.#taken.progress(value);
  }
}
