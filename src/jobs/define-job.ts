import { z } from "zod";
import { findOptionProblem, type Logger, type OptionRules } from "../kernel/index.js";
import type { Database } from "../sql/index.js";
import { FinalJobFailure, JobError } from "./job-error.js";

/** How long to wait before the next attempt. */
export interface Backoff {
  /** `exponential` doubles the delay with each attempt. */
  readonly type: "fixed" | "exponential";
  /** Milliseconds before the second attempt. */
  readonly delayMs: number;
  /** Part of the delay that is random, from 0 to 1, so that what failed together is not retried together. Default: 0.5. */
  readonly jitter?: number;
}

/** How often a job is tried. */
export interface AttemptOptions {
  /** Attempts in total; one that a killed worker began counts, too. Default: 5. */
  readonly attempts?: number;
  /** Default: exponential from 1,000 ms with a jitter of 0.5. */
  readonly backoff?: Backoff;
}

const rules: OptionRules<AttemptOptions> = {
  call: "defineJob",
  kinds: { attempts: "number", backoff: "object" },
  instead: { retries: "attempts, which counts the first one too" },
};

/** What a handler gets besides the payload. */
export interface JobContext {
  /** The job's id: the same for every attempt, so that a handler can recognize what it did before. */
  readonly id: string;
  readonly name: string;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** Fires when the job is cancelled or the service closes. A handler that ignores it is not waited for. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Tells how far the job is: a number of per cent, or an object. */
  progress(value: number | object): Promise<void>;
}

/** Does a job. It can run more than once for the same job. A rejection means that the job is tried again later. */
export type JobHandler<Payload> = (payload: Payload, context: JobContext) => unknown;

/** Does jobs that transactions left, without a queue: in the transaction that removes their rows, so exactly once. */
export interface RelayedWork {
  /**
   * Why this process cannot do a job that another version of the service may: its row stays, is held back with its key,
   * and is tried again later.
   */
  problemOf(job: RelayedJob): Error | undefined;
  /**
   * @param jobs - in the order of their rows; none of them has a problem.
   * @returns what is to be done when the transaction is committed.
   */
  run(jobs: readonly RelayedJob[], tx: Database): Promise<() => void>;
}

/** A job that a transaction left. */
export interface RelayedJob {
  readonly payload: unknown;
  /** The span that enqueued it, as a `traceparent` header names it. */
  readonly traceparent?: string | undefined;
}

/** A kind of job; made by {@link defineJob}. */
export interface JobDefinition<Input = unknown> extends AttemptOptions {
  readonly kind: "svc-infra/job";
  readonly name: string;
  /** Throws JobError when the payload breaks the schema; returns it as the caller gave it. */
  check(payload: Input): unknown;
  /** For work that is only a few rows. A row that fails is held back with its key, and tried again later. */
  readonly relay?: RelayedWork;
  /** Parses the payload and runs the handler. Only a payload that breaks the schema keeps the job from being tried again. */
  handle(payload: unknown, context: JobContext): Promise<unknown>;
}

/**
 * Describes a kind of job: its name, what its payload must be, and who does it.
 *
 * @param name - stays the same as long as jobs of this kind wait anywhere.
 * @param schema - checks the payload when it is enqueued and again before it is handled. Payloads are kept as JSON.
 * @example
 * ```ts
 * const sendWelcome = defineJob("send-welcome", z.object({ to: z.email() }), async ({ to }, { signal }) => {
 *   await mailer.send(to, { signal });
 * });
 * await queue.enqueue(sendWelcome, { to: "ada@example.org" });
 * ```
 */
export function defineJob<Schema extends z.ZodType>(
  name: string,
  schema: Schema,
  handler: JobHandler<z.output<Schema>>,
  options: AttemptOptions = {},
): JobDefinition<z.input<Schema>> {
  if (!/^[A-Za-z0-9._-]{1,100}$/.test(name)) {
    throw new JobError(
      "job_options_invalid",
      `the job name '${name}' must be 1 to 100 letters, digits, . - and _`,
    );
  }
  const problem = findOptionProblem(options, rules);
  if (problem !== undefined) throw new JobError("job_options_invalid", `defineJob ${problem}`);
  const breach = (cause: z.ZodError) => {
    const message = `the payload of job '${name}' breaks its schema: ${z.prettifyError(cause)}`;
    return new JobError("job_payload_invalid", message, { cause });
  };
  return Object.freeze({
    ...options,
    kind: "svc-infra/job" as const,
    name,
    check: (payload: z.input<Schema>) => {
      const { error } = schema.safeParse(payload);
      if (error !== undefined) throw breach(error);
      return payload;
    },
    handle: async (payload: unknown, context: JobContext) => {
      const { data, error } = schema.safeParse(payload);
      if (error === undefined) return handler(data, context);
      const cause = breach(error);
      throw new FinalJobFailure(cause.message, { cause });
    },
  });
}

/** Whether a value is what {@link defineJob} makes, for modules whose exports are looked through. */
export function isJobDefinition(value: unknown): value is JobDefinition<never> {
  return typeof value === "object" && value !== null && Object(value).kind === "svc-infra/job";
}
