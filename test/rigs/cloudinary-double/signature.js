// @ts-check
import { createHash, createHmac } from "node:crypto";
import { Refusal } from "./refusal.js";

/** Seconds for which a signature holds, by the documentation. */
const validSeconds = 3600;
const unsigned = new Set(["file", "api_key", "signature", "resource_type", "cloud_name"]);

/** @typedef {{ cloudName: string, apiKey: string, apiSecret: string, signatureAlgorithm: "sha1" | "sha256", authTokenKey: string | undefined, now: () => number }} Account */
/** @typedef {ReadonlyMap<string, string>} Parameters */

/**
 * What is signed of a request: all parameters but some, in the order of their names, `&` in them escaped (version 2).
 *
 * @param {Parameters} parameters
 */
function stringToSign(parameters) {
  return [...parameters]
    .filter(([name, value]) => !unsigned.has(name) && value !== "")
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`.replaceAll("&", "%26"))
    .join("&");
}

/**
 * Checks key, signature and time of a call of the Upload API.
 *
 * @param {Parameters} parameters
 * @param {Account} account
 * @param {{ readonly ends?: number | undefined }} [validity] - seconds; a download says itself when it ends.
 */
export function checkSignature(parameters, { apiKey, apiSecret, signatureAlgorithm, now }, { ends } = {}) {
  const { api_key, signature = "", timestamp = "" } = Object.fromEntries(parameters);
  if (api_key === undefined) throw new Refusal(401, "Must supply api_key");
  if (api_key !== apiKey) throw new Refusal(401, `Unknown API key ${api_key}`);
  if (!/^[0-9]{1,11}$/.test(timestamp)) throw new Refusal(400, "Missing required parameter - timestamp");
  const text = stringToSign(parameters);
  const expected = createHash(signatureAlgorithm)
    .update(text + apiSecret)
    .digest("hex");
  if (signature !== expected) {
    throw new Refusal(401, `Invalid Signature ${signature}. String to sign - '${text}'.`);
  }
  const seconds = Math.floor(now() / 1000);
  if (ends !== undefined) {
    if (seconds >= ends) throw new Refusal(401, "The download link has expired");
  } else if (Math.abs(seconds - Number(timestamp)) > validSeconds) {
    const reported = new Date(Number(timestamp) * 1000).toISOString().replace(/T(.*)\..*/, " $1 +0000");
    throw new Refusal(400, `Stale request - reported time is ${reported} which is more than 1 hour ago`);
  }
}

/**
 * Checks what a delivery URL of an authenticated asset must have: a signature in its path, or a token in its query.
 *
 * @param {{ signature: string | undefined, signed: string, path: string, token: string | undefined }} url
 * @param {Account} account
 */
export function checkDelivery({ signature, signed, path, token }, account) {
  if (token !== undefined) return checkToken(token, path, account);
  const { apiSecret, signatureAlgorithm } = account;
  const isLong = signature?.length === 32;
  const hash = createHash(isLong ? "sha256" : signatureAlgorithm).update(signed + apiSecret);
  const expected = hash
    .digest("base64")
    .slice(0, isLong ? 32 : 8)
    .replaceAll("/", "_")
    .replaceAll("+", "-");
  if (signature !== expected) throw new Refusal(401, "", { "x-cld-error": "Invalid signature" });
}

/**
 * @param {string} token - `[st=..~]exp=..~hmac=..`
 * @param {string} path
 * @param {Account} account
 */
function checkToken(token, path, { authTokenKey, now }) {
  const { rest, hmac } = /^(?<rest>.*)~hmac=(?<hmac>[0-9a-f]{64})$/.exec(token)?.groups ?? {};
  const exp = Number(/(?:^|~)exp=([0-9]+)/.exec(rest ?? "")?.[1]);
  if (authTokenKey === undefined || rest === undefined || Number.isNaN(exp)) {
    throw new Refusal(401, "", { "x-cld-error": "Invalid token" });
  }
  const escaped = path.replace(/([ "#%&'/:;<=>?@[\]^`{|}~]+)/g, (text) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16)}`).join(""),
  );
  const expected = createHmac("sha256", Buffer.from(authTokenKey, "hex"))
    .update(`${rest}~url=${escaped}`)
    .digest("hex");
  if (hmac !== expected) throw new Refusal(401, "", { "x-cld-error": "Invalid token" });
  if (now() / 1000 >= exp) throw new Refusal(401, "", { "x-cld-error": "The token has expired" });
}

/**
 * Checks the credentials of a call of the Admin API.
 *
 * @param {string | undefined} authorization
 * @param {Account} account
 */
export function isAdmin(authorization, { apiKey, apiSecret }) {
  return authorization === `Basic ${Buffer.from(`${apiKey}:${apiSecret}`).toString("base64")}`;
}
