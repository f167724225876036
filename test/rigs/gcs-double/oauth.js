// @ts-check
import { readJwt, signAs } from "./accounts.js";
import { Refusal } from "./refusal.js";

/** @typedef {import("./accounts.js").Account} Account */

const grantType = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const scopes = ["devstorage.full_control", "devstorage.read_write", "cloud-platform"];
/** Seconds by which the clocks may differ. */
const leeway = 300;

/** A refusal of the token endpoint (RFC 6749 §5.2). */
export class GrantRefusal extends Error {
  error;

  /** @param {string} error @param {string} description */
  constructor(error, description) {
    super(description);
    this.error = error;
  }

  toJson() {
    return { error: this.error, error_description: this.message };
  }
}

/**
 * The token endpoint for service accounts
 * (https://developers.google.com/identity/protocols/oauth2/service-account#httprest).
 *
 * @param {import("./accounts.js").Accounts} accounts
 * @param {string} form
 * @param {{ audience: string, now: number }} where - `audience`: this endpoint, as key files name it.
 */
export function grantToken(accounts, form, { audience, now }) {
  const parameters = new URLSearchParams(form);
  if (parameters.get("grant_type") !== grantType) {
    throw new GrantRefusal("unsupported_grant_type", `Invalid grant_type: ${parameters.get("grant_type")}`);
  }
  const read = readJwt(parameters.get("assertion") ?? "", (email) => accounts.byEmail(email));
  if (read === undefined) throw new GrantRefusal("invalid_grant", "Invalid JWT Signature.");
  const { account, claims } = read;
  if (claims.aud !== audience) throw new GrantRefusal("invalid_grant", "Invalid JWT: Failed audience check.");
  checkTimes(claims, now / 1000);
  if (!scopes.some((scope) => String(claims.scope).includes(scope))) {
    throw new GrantRefusal("invalid_scope", "Invalid OAuth scope or ID token audience provided.");
  }
  return accounts.issue(account);
}

/** @param {Record<string, unknown>} claims @param {number} now - seconds. */
function checkTimes({ iat, exp }, now) {
  const isSound =
    typeof iat === "number" &&
    typeof exp === "number" &&
    iat <= now + leeway &&
    exp > now - leeway &&
    exp - iat > 0 &&
    exp - iat <= 3600;
  if (isSound) return;
  const rule = "Token must be a short-lived token (60 minutes) and in a reasonable timeframe.";
  throw new GrantRefusal(
    "invalid_grant",
    `Invalid JWT: ${rule} Check your iat and exp values in the JWT claim.`,
  );
}

/**
 * Who calls, by the bearer token.
 *
 * @param {import("./accounts.js").Accounts} accounts
 * @param {string | undefined} authorization
 * @returns {Account}
 */
export function authenticate(accounts, authorization) {
  const token = /^Bearer ([A-Za-z0-9._~+/=-]+)$/i.exec(authorization ?? "")?.[1];
  const challenge = { "www-authenticate": 'Bearer realm="https://accounts.google.com/"' };
  if (token === undefined) {
    const message = "Anonymous caller does not have storage access to the Google Cloud Storage object.";
    throw new Refusal(401, "required", message, challenge);
  }
  const account = accounts.byToken(token);
  if (account === undefined) throw new Refusal(401, "authError", "Invalid Credentials", challenge);
  return account;
}

/** @param {Account} account */
export function authorize(account) {
  if (account.isOwner) return;
  throw new Refusal(403, "forbidden", `${account.email} does not have storage.objects access to the bucket.`);
}

/**
 * The IAM Credentials API (https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/signBlob).
 *
 * @param {Account} caller
 * @param {Account | undefined} signer
 * @param {string} body
 */
export function signBlob(caller, signer, body) {
  if (signer === undefined || !caller.isOwner) {
    const message = "Permission 'iam.serviceAccounts.signBlob' denied on resource (or it may not exist).";
    throw new Refusal(403, "forbidden", message);
  }
  const { payload } = JSON.parse(body);
  const signedBlob = signAs(signer, Buffer.from(String(payload), "base64")).toString("base64");
  return { keyId: signer.keyId, signedBlob };
}

/**
 * The metadata server of a machine at Google (https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys).
 *
 * @param {import("./accounts.js").Accounts} accounts
 * @param {Account} account
 * @param {string} path - below `/computeMetadata/v1`.
 */
export function machineMetadata(accounts, account, path) {
  if (path === "/instance" || path === "/instance/") return "attributes/\n";
  if (path === "/instance/service-accounts/default/email") return account.email;
  if (path === "/instance/service-accounts/default/token") return JSON.stringify(accounts.issue(account));
  if (path === "/project/project-id") return "svc-infra-double";
  if (path === "/universe/universe-domain" || path === "/universe/universe_domain") return "googleapis.com";
  throw new Refusal(404, "notFound", "Not Found");
}
