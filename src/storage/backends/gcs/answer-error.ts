import type { StorageErrorCode } from "../../contract/error.js";
import { parseRetryAfter } from "../../contract/retry-after.js";
import { ServiceError } from "../../contract/service-error.js";

/** Where the credentials come from, for messages. */
export const credentialVariables = "STORAGE_GCS_CREDENTIALS_PATH or STORAGE_GCS_CREDENTIALS";

/** What says where the service is, for messages. */
export const addressVariables = "STORAGE_GCS_ENDPOINT if it is set";

/** An answer that is no success. */
export interface RefusedAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly text: string;
}

interface Rule {
  readonly status: number;
  /** What the answer's text must hold, where the status has several meanings. */
  readonly text?: RegExp;
  readonly code: StorageErrorCode;
  readonly message: string;
}

/** The first that fits counts (https://cloud.google.com/storage/docs/json_api/v1/status-codes). */
const rules: readonly Rule[] = [
  {
    status: 400,
    text: /hash|checksum|crc32c|md5/i,
    code: "unavailable",
    message: "the content was damaged before it reached the service",
  },
  {
    status: 401,
    code: "permission_denied",
    message: `Google does not accept the credentials; look at ${credentialVariables}`,
  },
  {
    status: 403,
    text: /"(?:userR|r)ateLimitExceeded"|"quotaExceeded"/,
    code: "rate_limited",
    message: "the service asks to slow down",
  },
  {
    status: 403,
    code: "permission_denied",
    message: `the account of ${credentialVariables} may not do this in the bucket of STORAGE_GCS_BUCKET`,
  },
  {
    status: 404,
    text: /bucket does not exist/i,
    code: "configuration",
    message: "the bucket that STORAGE_GCS_BUCKET names does not exist",
  },
  { status: 404, code: "not_found", message: "there is no such object" },
  { status: 408, code: "unavailable", message: "the service waited too long for the request" },
  { status: 409, code: "unavailable", message: "another change of the object is under way" },
  { status: 410, code: "unavailable", message: "the upload session is gone" },
  { status: 412, code: "precondition_failed", message: "the object is not the version that was asked for" },
  { status: 413, code: "too_large", message: "the content is larger than the service allows" },
  { status: 416, code: "invalid_range", message: "the range starts beyond the end of the object" },
  { status: 429, code: "rate_limited", message: "the service asks to slow down" },
];

/** The failure that an answer means. What the service refused it has not done; after a 5xx that is not known. */
export function answerError({ status, retryAfter, text }: RefusedAnswer): ServiceError {
  const retryAfterMs = parseRetryAfter(retryAfter);
  const answer = { service: "Google Cloud Storage", status };
  if (status >= 500)
    return new ServiceError("unavailable", `the service answered ${status}`, { answer, retryAfterMs });
  const rule = rules.find((each) => each.status === status && (each.text?.test(text) ?? true));
  const { code, message } = rule ?? { code: "unknown" as const, message: `the service answered ${status}` };
  return new ServiceError(code, message, { answer, retryAfterMs, applied: false });
}
