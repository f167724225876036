import type { Failure } from "./backend.js";
import { connectionFailure } from "./connection-failure.js";
import { withDoubt } from "./doubt.js";
import { StorageError, type StorageErrorCode } from "./error.js";

/** An answer with which a service refuses a request, as far as logs may show it. */
export interface RefusedAnswer {
  /** As people call the service: `Azure`. */
  readonly service: string;
  /** HTTP status. */
  readonly status: number;
  /** The service's own word for the failure: `NoSuchKey`; empty where it gives none. */
  readonly reason?: string | undefined;
  readonly requestId?: string | undefined;
}

/** What is known of a failure beside its code. */
export interface ServiceErrorDetails extends Omit<Failure, "code" | "message"> {
  readonly answer?: RefusedAnswer | undefined;
  /** Word for a failure without an answer: `ECONNRESET`. */
  readonly reason?: string | undefined;
  readonly cause?: unknown;
}

/**
 * A failure whose code a backend knows. It must keep nothing of the service's or the SDK's own error: that holds keys above
 * the caller's view, accounts, and requests with their authorization.
 */
export class ServiceError extends Error {
  readonly failure: Failure;
  /** HTTP status of the answer, if there was one. */
  readonly status: number | undefined;
  /** The word of the service or of the system: `NoSuchKey`, `ECONNRESET`. */
  readonly reason: string | undefined;
  readonly requestId: string | undefined;

  /** @param explanation - for people, where the code alone would not do; it must name no key and no secret. */
  constructor(
    code: StorageErrorCode,
    explanation: string | undefined,
    { answer, reason, cause, retryAfterMs, applied }: ServiceErrorDetails = {},
  ) {
    const message = answer === undefined ? (explanation ?? code) : textOf(answer);
    super(message, cause === undefined ? undefined : { cause });
    this.name = "ServiceError";
    this.status = answer?.status;
    this.reason = answer?.reason ?? reason;
    this.requestId = answer?.requestId;
    this.failure = {
      code,
      retryAfterMs,
      ...(explanation !== undefined && { message: explanation }),
      ...(applied === false && { applied }),
    };
  }
}

/** A call that a backend refuses before it has changed anything. */
export function refusal(code: StorageErrorCode, explanation: string): ServiceError {
  return new ServiceError(code, explanation, { applied: false });
}

/** The refusal of a version that is not there any more. */
export function anotherVersion(): ServiceError {
  return refusal("precondition_failed", "the object is not the version that was asked for");
}

/** The refusal of an upload in parts that is not under way. */
export function noUpload(): ServiceError {
  return refusal("not_found", "there is no such upload");
}

/** Whether an error is a {@link ServiceError} of this code. */
export function isFailure(error: unknown, code: StorageErrorCode): error is ServiceError {
  return error instanceof ServiceError && error.failure.code === code;
}

/**
 * What kind of failure an error of a backend is.
 *
 * @param variables - the variables that say where the service is; `undefined` where no network is in between.
 */
export function classifyError(error: unknown, variables?: string): Failure {
  return withDoubt(error, failureOf(error, variables));
}

function failureOf(error: unknown, variables: string | undefined): Failure {
  if (error instanceof ServiceError) return error.failure;
  if (error instanceof StorageError) return { code: error.code, message: error.message };
  if (!(error instanceof Error)) return { code: "unknown" };
  if (error.name === "AbortError") return { code: "aborted" };
  if (error.name === "TimeoutError") return { code: "timeout" };
  const failure = variables === undefined ? undefined : connectionFailure(error, variables);
  return failure ?? { code: "unknown" };
}

/** The text, where logs may show it: services may write anything into their words. */
export function wordOf(text: string | undefined): string | undefined {
  return text !== undefined && /^[\w.:-]{1,100}$/.test(text) ? text : undefined;
}

function textOf({ service, status, reason = "", requestId }: RefusedAnswer): string {
  const request = requestId === undefined ? "" : ` (request ${requestId})`;
  return `${service} answered ${status}${reason === "" ? "" : ` ${reason}`}${request}`;
}
