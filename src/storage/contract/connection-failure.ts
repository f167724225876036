import type { Failure } from "./backend.js";

/** Codes of errors without a connection: nothing was sent. */
const unreached: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);
/** Codes of errors of a connection that broke, fell silent, or sent no HTTP. */
const broken =
  /^(?:ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|HPE_.+|UND_ERR_(?:SOCKET|HEADERS_TIMEOUT|BODY_TIMEOUT|RES_CONTENT_LENGTH_MISMATCH|CLOSED|DESTROYED))$/;
const certificate = /CERT|ERR_TLS_|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH/;

/**
 * What an error of the connection to a service means, by the code that Node.js, OpenSSL or undici gave it or its
 * cause; `undefined` for any other error.
 *
 * @param variables - what says where the service is: `STORAGE_S3_ENDPOINT and STORAGE_S3_REGION`.
 */
export function connectionFailure(error: unknown, variables: string): Failure | undefined {
  const code = codeOf(error) ?? codeOf(causeOf(error));
  if (code === undefined) return undefined;
  if (unreached.has(code)) {
    const message = `the service cannot be reached (${code}); look at ${variables}`;
    return { code: "unavailable", message, applied: false };
  }
  if (broken.test(code)) return { code: "unavailable", message: `the connection broke (${code})` };
  if (!certificate.test(code)) return undefined;
  const message = `the server's certificate is not trusted (${code}); look at ${variables}`;
  return { code: "configuration", message, applied: false };
}

function codeOf(error: unknown): string | undefined {
  // undici leaves the code of some of these out.
  if (error instanceof Error && error.name === "HTTPParserError") return "HPE_INVALID";
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
