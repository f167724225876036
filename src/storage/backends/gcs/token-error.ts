import { connectionFailure } from "../../contract/connection-failure.js";
import { parseRetryAfter } from "../../contract/retry-after.js";
import { refusal, ServiceError } from "../../contract/service-error.js";
import { addressVariables, credentialVariables } from "./answer-error.js";

/** True when the default chain found nothing at all. */
export function isNoCredentials(error: unknown): boolean {
  // The SDK puts any answer into the message, text or not.
  return error instanceof Error && String(error.message).startsWith("Could not load the default credentials");
}

/** Why there is no token, without the SDK's own error, which holds the request and what signed it. */
export function tokenError(error: unknown): unknown {
  if (error instanceof ServiceError || !(error instanceof Error)) return error;
  if (isNoCredentials(error)) {
    const message = `no credentials were found; set ${credentialVariables}`;
    return refusal("configuration", message);
  }
  const { status, word, text, retryAfter } = answerOf(error);
  if (status === undefined) return unanswered(error);
  const retryAfterMs = parseRetryAfter(retryAfter);
  const answer = { service: "Google's token service", status, reason: word };
  const details = { answer, retryAfterMs, applied: false } as const;
  if (status === 429)
    return new ServiceError("rate_limited", "Google's token service asks to slow down", details);
  if (status >= 500)
    return new ServiceError("unavailable", `Google's token service answered ${status}`, details);
  if (isAboutTime(text)) {
    const message =
      "Google refused the time of the request for a token: the clock of this machine may be wrong";
    return new ServiceError("permission_denied", message, details);
  }
  const message = `Google refused the credentials (${word ?? status}); look at ${credentialVariables}`;
  return new ServiceError("permission_denied", message, details);
}

/** The SDK wraps what the network said; a request that had no answer in time has no code. */
function unanswered(error: Error): unknown {
  const failure = connectionFailure(error, addressVariables);
  if (failure === undefined && !("config" in error)) return error;
  const { code, message = "no answer" } = failure ?? { code: "unavailable" as const };
  return new ServiceError(code, `Google's token service: ${message}`, { applied: false });
}

/** As in «Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values». */
function isAboutTime(text: string): boolean {
  return /short-lived|timeframe|\biat\b|\bexp\b|used too early/i.test(text);
}

interface TokenAnswer {
  readonly status: number | undefined;
  /** A word of RFC 6749 §5.2. */
  readonly word: string | undefined;
  readonly text: string;
  readonly retryAfter: string | undefined;
}

function answerOf(error: object): TokenAnswer {
  const response = member(error, "response");
  const status = member(response, "status");
  const data = member(response, "data");
  const word = member(data, "error");
  const retryAfter = member(member(response, "headers"), "retry-after");
  return {
    status: typeof status === "number" ? status : undefined,
    word: typeof word === "string" && /^[a-z_]{1,40}$/.test(word) ? word : undefined,
    text: String(member(data, "error_description") ?? ""),
    retryAfter: typeof retryAfter === "string" ? retryAfter : undefined,
  };
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}
