import { JobError } from "../job-error.js";

/** The error of a start whose server is away. */
export function noAnswer(what: string, cause: unknown): JobError {
  const reason = cause instanceof Error ? cause.message || String(Object(cause).code) : String(cause);
  return new JobError("jobs_unavailable", `${what}: ${reason}`, { cause });
}
