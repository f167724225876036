/** Why a call to the jobs failed. */
export type JobErrorCode =
  | "job_payload_invalid"
  | "job_unknown"
  | "job_options_invalid"
  | "jobs_unavailable"
  | "outbox_missing";

const statusOfCode: Readonly<Record<JobErrorCode, number>> = Object.freeze({
  job_payload_invalid: 400,
  job_unknown: 500,
  job_options_invalid: 500,
  jobs_unavailable: 503,
  outbox_missing: 500,
});

/** A call to the jobs failed; `code` tells why and stays the same between versions. */
export class JobError extends Error {
  readonly code: JobErrorCode;
  /** The HTTP status that fits, when a route lets the error through. */
  readonly statusCode: number;

  constructor(code: JobErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "JobError";
    this.code = code;
    this.statusCode = statusOfCode[code];
  }
}

/**
 * Thrown by a handler, it ends the job: it is dead after this attempt, whatever attempts are left.
 *
 * @example
 * throw new FinalJobFailure("the account was closed");
 */
export class FinalJobFailure extends Error {
  override readonly name = "FinalJobFailure";
}
