// @ts-check
import { createPrivateKey, generateKeyPairSync, randomBytes, sign, verify } from "node:crypto";

/**
 * @typedef {object} Account
 * @property {string} email
 * @property {string} pem - its private key.
 * @property {string} keyId
 * @property {import("node:crypto").KeyObject} publicKey
 * @property {boolean} isOwner - whether it may use the buckets and sign.
 */

/** Service accounts, with their keys and tokens. */
export class Accounts {
  /** @type {Map<string, Account>} */
  #accounts = new Map();
  /** @type {Map<string, { account: Account, expiresAt: number }>} */
  #tokens = new Map();
  #now;

  /** @param {() => number} now */
  constructor(now) {
    this.#now = now;
  }

  /** @param {string} name @param {boolean} isOwner */
  add(name, isOwner) {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const email = `${name}@svc-infra-double.iam.gserviceaccount.com`;
    const pem = String(privateKey.export({ type: "pkcs8", format: "pem" }));
    const account = { email, pem, keyId: randomBytes(20).toString("hex"), publicKey, isOwner };
    this.#accounts.set(email, account);
    return account;
  }

  /** @param {string} email */
  byEmail(email) {
    return this.#accounts.get(email);
  }

  /** @param {Account} account */
  issue(account) {
    const token = `ya29.${randomBytes(48).toString("base64url")}`;
    this.#tokens.set(token, { account, expiresAt: this.#now() + 3_599_000 });
    return { access_token: token, expires_in: 3599, token_type: "Bearer" };
  }

  /** @param {string} token */
  byToken(token) {
    const issued = this.#tokens.get(token);
    return issued !== undefined && issued.expiresAt > this.#now() ? issued.account : undefined;
  }
}

/**
 * The claims of a JWT that the account has signed (RFC 7519, RS256); `undefined` of any other.
 *
 * @param {string} jwt
 * @param {(email: string) => Account | undefined} accountOf
 * @returns {{ account: Account, claims: Record<string, unknown> } | undefined}
 */
export function readJwt(jwt, accountOf) {
  const [head = "", body = "", signature = "", ...rest] = jwt.split(".");
  try {
    const header = JSON.parse(Buffer.from(head, "base64url").toString());
    const claims = JSON.parse(Buffer.from(body, "base64url").toString());
    const account = accountOf(String(claims.iss));
    if (rest.length > 0 || header.alg !== "RS256" || account === undefined) return undefined;
    const signed = Buffer.from(`${head}.${body}`);
    const isSound = verify("sha256", signed, account.publicKey, Buffer.from(signature, "base64url"));
    return isSound ? { account, claims } : undefined;
  } catch {
    return undefined;
  }
}

/** @param {Account} account @param {Buffer} bytes */
export function signAs({ pem }, bytes) {
  return sign("sha256", bytes, createPrivateKey(pem));
}
