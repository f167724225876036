import type { Failure } from "../../backend.js";
import { StorageError } from "../../error.js";
import { CloudinaryError } from "./cloudinary-error.js";

/** Told while there is no connection yet: nothing was sent. */
const unreached: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);
/** The connection broke, nothing came any more, or what came is no HTTP. */
const broken =
  /^(?:ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|HPE_.+|UND_ERR_(?:SOCKET|HEADERS_TIMEOUT|BODY_TIMEOUT|RES_CONTENT_LENGTH_MISMATCH|CLOSED|DESTROYED))$/;
const certificate = /^(?:CERT_|ERR_TLS_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH)/;

/** What kind of failure an error of the Cloudinary backend is. */
export function classifyCloudinaryError(error: unknown): Failure {
  if (error instanceof CloudinaryError) return error.failure;
  if (error instanceof StorageError) return { code: error.code, message: error.message };
  if (!(error instanceof Error)) return { code: "unknown" };
  if (error.name === "AbortError") return { code: "aborted" };
  if (error.name === "TimeoutError") return { code: "timeout" };
  return classifyConnection(codeOf(error) ?? codeOf(error.cause) ?? "");
}

function classifyConnection(code: string): Failure {
  if (unreached.has(code)) {
    const message = `Cloudinary cannot be reached (${code}); look at STORAGE_CLOUDINARY_ENDPOINT if it is set`;
    return { code: "unavailable", message, applied: false };
  }
  if (broken.test(code)) return { code: "unavailable", message: `the connection broke (${code})` };
  if (!certificate.test(code)) return { code: "unknown" };
  const message = `the server's certificate is not accepted (${code}); look at STORAGE_CLOUDINARY_ENDPOINT`;
  return { code: "configuration", message, applied: false };
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
