import type { StorageErrorCode } from "../../contract/error.js";
import { parseRetryAfter } from "../../contract/retry-after.js";
import { ServiceError } from "../../contract/service-error.js";

/** What the service answered when it said no. */
export interface RefusedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** As it came; JSON with `error.message`, or HTML. */
  readonly text: string;
}

type Row = readonly [code: StorageErrorCode, message: string];

const keys = "look at STORAGE_CLOUDINARY_API_KEY and STORAGE_CLOUDINARY_API_SECRET, or at CLOUDINARY_URL";
const cloud = "look at STORAGE_CLOUDINARY_CLOUD_NAME, or at CLOUDINARY_URL";

/** By what the service writes; its documentation gives no other names to errors. */
const rows: readonly (readonly [said: RegExp, row: Row])[] = [
  [/stale request/i, ["configuration", "the clock of this machine is wrong: Cloudinary takes one hour"]],
  [
    /invalid cloud_name|cloud_name (?:is )?(?:disabled|mismatch)/i,
    ["configuration", `no such cloud for this key; ${cloud}`],
  ],
  [/invalid signature/i, ["permission_denied", `the API secret is wrong; ${keys}`]],
  [/(?:unknown|invalid|disabled) api_?[ ]?key/i, ["permission_denied", `the API key is not known; ${keys}`]],
  [/file size too large|too large/i, ["too_large", "the file is larger than this Cloudinary plan takes"]],
  [
    /invalid (?:image|video) file|unsupported (?:image|video|file)/i,
    ["unsupported_type", "the content is not what the key's extension says"],
  ],
  [/next_cursor/i, ["invalid_argument", "the cursor is no longer valid"]],
  [/public_id .*(?:invalid|illegal|reserved)/i, ["invalid_key", "Cloudinary cannot hold this key"]],
  [
    /(?:quota|credits?|storage|usage) .*(?:exceeded|limit)/i,
    ["quota_exceeded", "this Cloudinary plan is used up"],
  ],
  [/error in loading/i, ["unavailable", "Cloudinary could not read the source of a copy"]],
];

const rowOfStatus: Readonly<Record<number, Row>> = {
  401: ["permission_denied", `Cloudinary refuses the credentials; ${keys}`],
  403: ["permission_denied", `Cloudinary does not allow it to this key; ${keys}`],
  404: ["not_found", "there is no such object"],
  413: ["too_large", "the file is larger than this Cloudinary plan takes"],
  416: ["invalid_range", "the range starts beyond the end of the object"],
};

/**
 * The error of an answer with which the service refuses a request. The service's text holds keys, names and signed
 * parameters, so none of it is kept.
 */
export function answerError({ status, headers, text }: RefusedAnswer): ServiceError {
  const answer = { service: "Cloudinary", status };
  if (status === 420 || status === 429) {
    const message = "Cloudinary asks to slow down: the calls of this hour are used up";
    const retryAfterMs = retryAfter(headers);
    return new ServiceError("rate_limited", message, { answer, applied: false, retryAfterMs });
  }
  if (status >= 500) return new ServiceError("unavailable", `Cloudinary answered ${status}`, { answer });
  const row = rows.find(([said]) => status < 404 && said.test(text))?.[1] ?? rowOfStatus[status];
  const [code, message] = row ?? ["unknown", `Cloudinary answered ${status}`];
  return new ServiceError(code, message, { answer, applied: false });
}

/** Milliseconds until calls are allowed again: `Retry-After` (RFC 9110 §10.2.3), or the hour's end that the service names. */
function retryAfter(headers: RefusedAnswer["headers"]): number | undefined {
  const header = headers["retry-after"] ?? headers["x-featureratelimit-reset"];
  return parseRetryAfter(header === undefined ? undefined : String(header));
}
