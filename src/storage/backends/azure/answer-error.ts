import type { StorageErrorCode } from "../../contract/error.js";
import { parseRetryAfter } from "../../contract/retry-after.js";
import { ServiceError, wordOf } from "../../contract/service-error.js";

type Row = readonly [code: StorageErrorCode, explanation?: string];

const keys = "STORAGE_AZURE_ACCOUNT and STORAGE_AZURE_ACCOUNT_KEY, or STORAGE_AZURE_CONNECTION_STRING";
const noContainer: Row = ["configuration", "there is no such container; look at STORAGE_AZURE_CONTAINER"];
const refused: Row = ["permission_denied", `access was refused; look at ${keys}`];
const noRole: Row = [
  "permission_denied",
  "the identity may not do this: it needs a role such as Storage Blob Data Contributor",
];
const disabled: Row = ["configuration", "the account is disabled; look at STORAGE_AZURE_ACCOUNT"];
const badToken: Row = [
  "permission_denied",
  "the service does not accept the identity's token; look at AZURE_TENANT_ID and AZURE_CLIENT_ID",
];
const busy: Row = ["rate_limited"];
const passing: Row = ["unavailable"];
const strange: Row = ["unavailable", "the answer is not one of Azure; look at STORAGE_AZURE_ENDPOINT"];
const leased: Row = ["permission_denied", "another program holds a lease on the object"];
const immutable: Row = ["permission_denied", "a policy forbids to change the object"];

/** By the names that the service gives to errors ("Blob service error codes", "Common REST API error codes"). */
const rows: Readonly<Record<string, Row>> = {
  BlobNotFound: ["not_found"],
  ContainerNotFound: noContainer,
  ContainerBeingDeleted: noContainer,
  ContainerDisabled: noContainer,
  BlobAlreadyExists: ["precondition_failed"],
  ConditionNotMet: ["precondition_failed"],
  TargetConditionNotMet: ["precondition_failed"],
  SourceConditionNotMet: ["unavailable", "the source was replaced while it was copied"],
  InvalidRange: ["invalid_range"],
  AuthenticationFailed: ["permission_denied", `the account's key is wrong; look at ${keys}`],
  AuthorizationFailure: refused,
  AuthorizationPermissionMismatch: noRole,
  InsufficientAccountPermissions: refused,
  InvalidAuthenticationInfo: badToken,
  NoAuthenticationInformation: badToken,
  AccountIsDisabled: disabled,
  LeaseIdMissing: leased,
  BlobImmutableDueToPolicy: immutable,
  BlobArchived: ["unsupported", "the object is archived and must be rehydrated first"],
  BlobBeingRehydrated: passing,
  InvalidBlobType: ["key_conflict", "another program keeps an append or page blob under this key"],
  InvalidBlobOrBlock: [
    "key_conflict",
    "another program has begun an upload under this key; it is gone after a week",
  ],
  InvalidBlockList: [
    "unavailable",
    "another write of this key was published meanwhile and threw the blocks of this one away",
  ],
  InvalidResourceName: ["invalid_key"],
  InvalidUri: ["invalid_key"],
  OutOfRangeInput: ["invalid_key"],
  InvalidMetadata: ["invalid_argument", "the service does not take this metadata"],
  MetadataTooLarge: ["invalid_argument", "the service does not take that much metadata"],
  RequestHeaderOrCookieFieldsTooLarge: ["invalid_argument", "the service does not take that much metadata"],
  RequestBodyTooLarge: ["too_large"],
  BlockCountExceedsLimit: ["too_large"],
  Md5Mismatch: ["unavailable", "the content was damaged on its way"],
  UnsupportedHeader: ["unsupported"],
  FeatureVersionMismatch: ["unsupported"],
  ServerBusy: busy,
  TooManyRequests: busy,
  InternalError: passing,
  OperationTimedOut: passing,
};

const rowOfStatus: Readonly<Record<number, Row>> = {
  401: refused,
  403: refused,
  404: ["not_found"],
  408: passing,
  409: passing,
  412: ["precondition_failed"],
  413: ["too_large"],
  416: ["invalid_range"],
  429: busy,
};

/** The service refuses requests of a clock that is further off ("Authorize with Shared Key"). */
const maxSkewMs = 15 * 60_000;
const skewed: Row = ["permission_denied", "the clock of this machine is wrong, or that of the service"];

/** An answer with which the service refuses a request. */
export interface Answer {
  /** HTTP status. */
  readonly status: number;
  /** What the service calls it, where no header says so. */
  readonly code?: string | undefined;
  readonly body?: string | null | undefined;
  readonly header: (name: string) => string | undefined;
}

/** The error that an answer is. */
export function answerError({ status, code: word, body, header }: Answer): ServiceError {
  const reason = wordOf(header("x-ms-error-code") ?? word);
  const isSkewed = (status === 401 || status === 403) && isClockWrong(header("date"), body);
  const row = isSkewed ? skewed : rowOf(reason, status);
  const [code, explanation] = row;
  return new ServiceError(code, explanation, {
    answer: { service: "Azure", status, reason, requestId: wordOf(header("x-ms-request-id")) },
    retryAfterMs: parseRetryAfter(header("retry-after")),
    ...((row === busy || (status >= 400 && status < 500 && code !== "unavailable")) && { applied: false }),
  });
}

function rowOf(reason: string | undefined, status: number): Row {
  const row = reason === undefined ? undefined : rows[reason];
  return row ?? rowOfStatus[status] ?? rowOfOther(status);
}

function rowOfOther(status: number): Row {
  if (status >= 500) return passing;
  return status < 300 ? strange : ["unknown"];
}

function isClockWrong(date: string | undefined, body: string | null | undefined): boolean {
  if (body?.includes("Request date header too old")) return true;
  const skewMs = date === undefined ? Number.NaN : Math.abs(Date.parse(date) - Date.now());
  return skewMs > maxSkewMs;
}
