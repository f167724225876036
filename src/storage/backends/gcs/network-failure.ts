import type { Failure } from "../../backend.js";

/** The request never left: nobody answered at the address. */
const unreached = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);
/** The connection broke, or nothing came any more. */
const broken = new Set([
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "UND_ERR_SOCKET",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
  "UND_ERR_CLOSED",
  "UND_ERR_DESTROYED",
]);
const certificate = /^(?:CERT_|ERR_TLS_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH)/;

/** What an error of the way to the service means; `undefined` when it is none. */
export function networkFailure(error: unknown): Failure | undefined {
  const code = codeOf(error) ?? codeOf(causeOf(error));
  if (code === undefined) return undefined;
  if (unreached.has(code)) {
    const message = `the service cannot be reached (${code}); look at STORAGE_GCS_ENDPOINT if it is set`;
    return { code: "unavailable", message, applied: false };
  }
  if (broken.has(code)) return { code: "unavailable", message: `the connection broke (${code})` };
  if (!certificate.test(code)) return undefined;
  const message = `the server's certificate is not accepted (${code}); look at STORAGE_GCS_ENDPOINT`;
  return { code: "configuration", message, applied: false };
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
