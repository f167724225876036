import type { StorageErrorCode } from "../../../contract/error.js";
import { parseRetryAfter } from "../../../contract/retry-after.js";
import { ServiceError, wordOf } from "../../../contract/service-error.js";
import type { S3Response } from "./exchange.js";
import { textOf } from "./xml.js";

/** What says where the service is, for messages. */
export const addressVariables = "STORAGE_S3_ENDPOINT and STORAGE_S3_REGION";

type Row = readonly [code: StorageErrorCode, message?: string];

const keys = "STORAGE_S3_ACCESS_KEY and STORAGE_S3_SECRET_KEY";
const wrongRegion: Row = ["configuration", "the bucket is in another region; set STORAGE_S3_REGION"];
const elsewhere: Row = [
  "configuration",
  `the service says that the bucket is elsewhere; look at ${addressVariables}`,
];
const slowDown: Row = ["rate_limited"];
const passing: Row = ["unavailable"];

/** By the names that S3 and its imitators give to errors. */
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
  MalformedAnswer: ["unavailable", `the answer is not one of S3; look at ${addressVariables}`],
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

/** What is known of an answer with which the service refuses a request. */
export interface Refused {
  /** HTTP status. */
  readonly status: number;
  /** The service's word: `NoSuchKey`; empty where the answer has no body. */
  readonly reason: string;
  readonly requestId?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** The error that an answer is. */
export function answerError({ status, reason, requestId, retryAfterMs }: Refused): ServiceError {
  const [code, message] = rows[reason] ?? rowOfStatus[status] ?? rowOfOther(status);
  const isRefused = notApplied.has(reason) || (status >= 400 && status < 500 && code !== "unavailable");
  return new ServiceError(code, message, {
    answer: { service: "S3", status, reason, requestId },
    retryAfterMs,
    ...(isRefused && { applied: false }),
  });
}

/** The error that a response is. */
export function errorOf({ status, headers, body }: S3Response): ServiceError {
  const xml = body.toString("utf8");
  return answerError({
    status,
    reason: wordOf(textOf(xml, "Code")) ?? "",
    requestId: wordOf(headers["x-amz-request-id"] ?? textOf(xml, "RequestId")),
    retryAfterMs: parseRetryAfter(headers["retry-after"]),
  });
}

/** The region that the service names as the bucket's. */
export function regionIn({ headers, body }: S3Response): string | undefined {
  return wordOf(headers["x-amz-bucket-region"] ?? textOf(body.toString("utf8"), "Region"));
}

/** Whether the service says that something is not there. */
export function isAbsent(error: unknown): error is ServiceError {
  return error instanceof ServiceError && error.status === 404;
}

function rowOfOther(status: number): Row {
  if (status >= 500) return passing;
  return status >= 300 && status < 400 ? elsewhere : ["unknown"];
}
