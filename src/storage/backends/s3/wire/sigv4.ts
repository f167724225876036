import { hash } from "node:crypto";
import { encodeText } from "../../../contract/percent-encoding.js";
import type { S3Credentials } from "../credentials/credentials.js";
import type { HmacKey } from "./hmac-key.js";
import { NameSets, type SignedNames } from "./signed-names.js";
import { SigningKeys } from "./signing-key.js";
import type { SigningTime } from "./signing-time.js";

/** Stands for the hash of a body that is not hashed: TLS protects it, or the network does. */
export const unsignedPayload = "UNSIGNED-PAYLOAD";

const algorithm = "AWS4-HMAC-SHA256";

/** Headers by name in lower case. */
export type Headers = Record<string, string>;

/** A request as it is signed. */
export interface SignableRequest {
  readonly method: string;
  /** Percent-encoded. */
  readonly path: string;
  /** Percent-encoded and in order, without `?`. */
  readonly query: string;
  /** By name in lower case, with `host`. */
  readonly headers: Headers;
}

/** The key and the time that a request is signed with. */
export interface Signature {
  readonly credentials: S3Credentials;
  readonly region: string;
  readonly time: SigningTime;
}

/** Signs requests to S3 by AWS Signature Version 4. */
export class RequestSigner {
  readonly #keys = new SigningKeys();
  readonly #names = new NameSets();

  /** Adds the date, the hash of the payload and the signature to the headers of the request. */
  addHeaders(request: SignableRequest, payloadHash: string, by: Signature): void {
    const { credentials, region, time } = by;
    const { headers } = request;
    headers["x-amz-content-sha256"] = payloadHash;
    headers["x-amz-date"] = time.long;
    if (credentials.sessionToken !== undefined) headers["x-amz-security-token"] = credentials.sessionToken;
    const names = this.#names.of(headers);
    const { key, scope, credential } = this.#keys.get(credentials, time.day, region);
    const text = canonicalRequest(request, request.query, names, payloadHash);
    const signature = sign(key, time, scope, text);
    headers.authorization = `${algorithm} Credential=${credential}, SignedHeaders=${names.joined}, Signature=${signature}`;
  }

  /**
   * The query of a signed request, which any client that has the URL may send. Every header of the request is signed
   * and must be sent along.
   *
   * @param expiresIn - whole seconds, 604,800 at most.
   */
  signQuery(request: SignableRequest, expiresIn: number, by: Signature): string {
    const { credentials, region, time } = by;
    const { key, scope, queryCredential } = this.#keys.get(credentials, time.day, region);
    const names = this.#names.of(request.headers);
    const own = ownQuery(credentials, queryCredential, time, expiresIn, names);
    const query = request.query === "" ? own : merge(own, request.query);
    const text = canonicalRequest(request, query, names, unsignedPayload);
    return `${query}&X-Amz-Signature=${sign(key, time, scope, text)}`;
  }
}

function ownQuery(
  { sessionToken }: S3Credentials,
  credential: string,
  time: SigningTime,
  expiresIn: number,
  names: SignedNames,
): string {
  const token = sessionToken === undefined ? "" : `&X-Amz-Security-Token=${encodeText(sessionToken)}`;
  return `X-Amz-Algorithm=${algorithm}&X-Amz-Credential=${credential}&X-Amz-Date=${time.long}&X-Amz-Expires=${expiresIn}${token}&X-Amz-SignedHeaders=${names.list.join("%3B")}`;
}

/** Both in order, put in the order of their names. */
function merge(own: string, query: string): string {
  return `${own}&${query}`.split("&").sort(byName).join("&");
}

function byName(a: string, b: string): number {
  const [first, second] = [a.replace("=", "\0"), b.replace("=", "\0")];
  if (first === second) return 0;
  return first < second ? -1 : 1;
}

function canonicalRequest(
  { method, path, headers }: SignableRequest,
  query: string,
  names: SignedNames,
  payloadHash: string,
): string {
  let text = `${method}\n${path}\n${query}\n`;
  for (const name of names.list) text += `${name}:${canonicalValue(headers[name] ?? "")}\n`;
  return `${text}\n${names.joined}\n${payloadHash}`;
}

const hasOddSpaces = /^ | $| {2}|\t/;

function canonicalValue(value: string): string {
  return hasOddSpaces.test(value) ? value.replace(/[ \t]+/g, " ").replace(/^ | $/g, "") : value;
}

function sign(key: HmacKey, time: SigningTime, scope: string, text: string): string {
  return key.digest(`${algorithm}\n${time.long}\n${scope}\n${hash("sha256", text, "hex")}`);
}
