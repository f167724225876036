// @ts-check
import { createHash, verify } from "node:crypto";
import { Refusal } from "./refusal.js";

const algorithm = "GOOG4-RSA-SHA256";
/** Milliseconds by which the clocks may differ. */
const leewayMs = 15 * 60_000;

/**
 * A request as it came.
 *
 * @typedef {object} RawRequest
 * @property {string} method
 * @property {string} path - raw.
 * @property {string} query - raw.
 * @property {import("node:http").IncomingHttpHeaders} headers
 */

/**
 * Verifies a V4 signed URL (https://cloud.google.com/storage/docs/authentication/signatures).
 *
 * @param {RawRequest} request
 * @param {(email: string) => import("./accounts.js").Account | undefined} accountOf
 * @param {number} now
 */
export function verifySignedUrl(request, accountOf, now) {
  const query = new URLSearchParams(request.query);
  const names = [...query.keys()];
  if (new Set(names).size < names.length) throw denied("a parameter is there twice");
  const [, email = "", date, account] = readCredential(query.get("X-Goog-Credential") ?? "", accountOf);
  const stamp = query.get("X-Goog-Date") ?? "";
  if (account === undefined || query.get("X-Goog-Algorithm") !== algorithm || !stamp.startsWith(`${date}T`)) {
    throw denied(`no such signer: ${email}`);
  }
  checkTime(stamp, query.get("X-Goog-Expires") ?? "", now);
  const signature = query.get("X-Goog-Signature") ?? "";
  if (!/^(?:[0-9a-f]{2})+$/i.test(signature)) throw mismatch();
  const hash = createHash("sha256").update(canonicalRequest(request, query)).digest("hex");
  const text = [algorithm, stamp, `${date}/auto/storage/goog4_request`, hash].join("\n");
  if (!verify("sha256", Buffer.from(text), account.publicKey, Buffer.from(signature, "hex")))
    throw mismatch();
  return account;
}

/**
 * @param {string} credential
 * @param {(email: string) => import("./accounts.js").Account | undefined} accountOf
 * @returns {readonly [unknown, string | undefined, string | undefined, import("./accounts.js").Account | undefined]}
 */
function readCredential(credential, accountOf) {
  const parts = /^([^/]+)\/([0-9]{8})\/auto\/storage\/goog4_request$/.exec(credential);
  return [parts, parts?.[1], parts?.[2], accountOf(parts?.[1] ?? "")];
}

/** @param {string} stamp @param {string} expires @param {number} now */
function checkTime(stamp, expires, now) {
  const parts = /^([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z$/.exec(stamp);
  const [, year, month, day, hour, minute, second] = parts ?? [];
  const start = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  const seconds = Number(expires);
  if (Number.isNaN(start) || !/^[0-9]+$/.test(expires) || seconds > 604_800) {
    throw new Refusal(400, "AuthenticationRequired", "X-Goog-Date or X-Goog-Expires is not valid.");
  }
  if (start > now + leewayMs) throw denied("Request is not valid yet.");
  if (now >= start + seconds * 1000) throw new Refusal(400, "ExpiredToken", "Invalid argument.");
}

/** @param {RawRequest} request @param {URLSearchParams} query */
function canonicalRequest({ method, path, headers }, query) {
  const signed = (query.get("X-Goog-SignedHeaders") ?? "").split(";");
  const isOrdered = signed.every((name, index) => index === 0 || name > (signed[index - 1] ?? ""));
  if (!signed.includes("host") || !isOrdered) throw mismatch();
  const unsigned = Object.keys(headers).find((name) => name.startsWith("x-goog-") && !signed.includes(name));
  if (unsigned !== undefined) throw denied(`header ${unsigned} is not signed`);
  const lines = signed.map(
    (name) =>
      `${name}:${String(headers[name] ?? "")
        .trim()
        .replace(/\s+/g, " ")}\n`,
  );
  const pairs = [...query].filter(([name]) => name !== "X-Goog-Signature");
  const canonicalQuery = pairs
    .map(([name, value]) => `${percentEncode(name)}=${percentEncode(value)}`)
    .sort();
  const canonicalPath = path.split("/").map((segment) => percentEncode(decodeURIComponent(segment)));
  return [
    method,
    canonicalPath.join("/"),
    canonicalQuery.join("&"),
    lines.join(""),
    signed.join(";"),
    headers["x-goog-content-sha256"] ?? "UNSIGNED-PAYLOAD",
  ].join("\n");
}

/** RFC 3986 §2.3: everything but letters, digits and `-._~`. @param {string} text */
function percentEncode(text) {
  return [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9._~-]/.test(character)
        ? character
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    })
    .join("");
}

function mismatch() {
  return new Refusal(403, "SignatureDoesNotMatch", "Access denied.");
}

/** @param {string} message */
function denied(message) {
  return new Refusal(403, "AccessDenied", message);
}
