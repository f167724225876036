import type { Failure } from "../../contract/backend.js";
import { connectionFailure } from "../../contract/connection-failure.js";
import { StorageError, type StorageErrorCode } from "../../contract/error.js";
import { Refusal } from "./refusal.js";
import { S3Error } from "./wire/s3-error.js";

/** What kind of failure an error of the S3 backend is. */
export function classifyS3Error(error: unknown): Failure {
  if (error instanceof Refusal) return { code: error.code, message: error.message, applied: false };
  if (error instanceof S3Error) return classifyAnswer(error);
  if (error instanceof StorageError) return { code: error.code, message: error.message };
  if (!(error instanceof Error)) return { code: "unknown" };
  if (error.name === "AbortError") return { code: "aborted" };
  if (error.name === "TimeoutError") return { code: "timeout" };
  return connectionFailure(error, place) ?? { code: "unknown" };
}

type Row = readonly [code: StorageErrorCode, message?: string];

const place = "STORAGE_S3_ENDPOINT and STORAGE_S3_REGION";
const keys = "STORAGE_S3_ACCESS_KEY and STORAGE_S3_SECRET_KEY";
const wrongRegion: Row = ["configuration", "the bucket is in another region; set STORAGE_S3_REGION"];
const elsewhere: Row = ["configuration", `the service says that the bucket is elsewhere; look at ${place}`];
const slowDown: Row = ["rate_limited"];
const passing: Row = ["unavailable"];

/** By the names that S3 and those who imitate it give to errors. */
const rows: Readonly<Record<string, Row>> = {
  NoSuchKey: ["not_found"],
  NoSuchVersion: ["not_found"],
  NoSuchUpload: ["not_found", "there is no such upload"],
  NoSuchBucket: ["configuration", "there is no such bucket; look at STORAGE_S3_BUCKET"],
  InvalidBucketName: ["configuration", "STORAGE_S3_BUCKET is not the name of a bucket"],
  AccessDenied: ["permission_denied"],
  AllAccessDisabled: ["permission_denied"],
  AccountProblem: ["permission_denied"],
  InvalidAccessKeyId: ["permission_denied", `the access key is not known; look at ${keys}`],
  SignatureDoesNotMatch: ["permission_denied", `the secret key is wrong; look at ${keys}`],
  ExpiredToken: ["permission_denied", "the session token has expired"],
  InvalidToken: ["permission_denied", "the session token is not valid; look at STORAGE_S3_SESSION_TOKEN"],
  RequestTimeTooSkewed: ["permission_denied", "the clock of this machine is wrong, or that of the service"],
  PermanentRedirect: wrongRegion,
  TemporaryRedirect: wrongRegion,
  AuthorizationHeaderMalformed: wrongRegion,
  IllegalLocationConstraintException: wrongRegion,
  PreconditionFailed: ["precondition_failed"],
  ConditionalRequestConflict: passing,
  OperationAborted: passing,
  InvalidRange: ["invalid_range"],
  InvalidArgument: ["invalid_argument"],
  InvalidRequest: ["invalid_argument"],
  InvalidPart: ["invalid_argument", "a part was not written, or is another version"],
  InvalidPartOrder: ["invalid_argument", "the parts are not in order"],
  EntityTooSmall: ["invalid_argument", "a part but for the last is smaller than 5 MiB"],
  EntityTooLarge: ["too_large"],
  MetadataTooLarge: ["invalid_argument", "the service does not take that much metadata"],
  KeyTooLongError: ["invalid_key"],
  QuotaExceeded: ["quota_exceeded"],
  ServiceQuotaExceededException: ["quota_exceeded"],
  StorageQuotaExceeded: ["quota_exceeded"],
  BadDigest: ["unavailable", "the content was damaged on its way"],
  XAmzContentSHA256Mismatch: ["unavailable", "the content was damaged on its way"],
  IncompleteBody: passing,
  MalformedAnswer: ["unavailable", `the answer is not one of S3; look at ${place}`],
  RequestTimeout: passing,
  InternalError: passing,
  ServiceUnavailable: slowDown,
  SlowDown: slowDown,
  RequestLimitExceeded: slowDown,
  Throttling: slowDown,
  ThrottlingException: slowDown,
  TooManyRequests: slowDown,
  NotImplemented: ["unsupported"],
  MethodNotAllowed: ["unsupported"],
  InvalidObjectState: ["unsupported", "the object is archived and must be restored first"],
};

const rowOfStatus: Readonly<Record<number, Row>> = {
  401: ["permission_denied"],
  403: ["permission_denied", `access was refused; look at ${keys}`],
  404: ["not_found"],
  408: passing,
  409: passing,
  412: ["precondition_failed"],
  416: ["invalid_range"],
  429: slowDown,
  501: ["unsupported"],
  507: ["quota_exceeded"],
};

/** Errors of these names are told before the service begins, or after it has undone what it began. */
const notApplied: ReadonlySet<string> = new Set([
  "SlowDown",
  "RequestTimeTooSkewed",
  "BadDigest",
  "NoSuchBucket",
  "ConditionalRequestConflict",
  "OperationAborted",
]);

function classifyAnswer({ status, code, retryAfterMs }: S3Error): Failure {
  const [kind, message] = rows[code] ?? rowOfStatus[status] ?? rowOfOther(status);
  const isRefused = notApplied.has(code) || (status >= 400 && status < 500 && kind !== "unavailable");
  return {
    code: kind,
    ...(message === undefined ? {} : { message }),
    retryAfterMs,
    ...(isRefused ? { applied: false } : {}),
  };
}

function rowOfOther(status: number): Row {
  if (status >= 500) return passing;
  return status >= 300 && status < 400 ? elsewhere : ["unknown"];
}
