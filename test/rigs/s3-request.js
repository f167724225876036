// @ts-check
import { createHash, createHmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";

/**
 * How a client reaches an S3 server.
 *
 * @typedef {{ endpoint: string, region: string, accessKey: string, secretKey: string }} S3Access
 */

/** @typedef {string | ArrayBuffer | ArrayBufferView} Data */

/** @param {Data} data */
function forNode(data) {
  if (typeof data === "string") return data;
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

/** What the official signer wants for SHA-256, on Node's own. */
class Sha256 {
  /** @param {Data} [secret] */
  constructor(secret) {
    this.hash = secret === undefined ? createHash("sha256") : createHmac("sha256", forNode(secret));
  }

  /** @param {Data} data */
  update(data) {
    this.hash.update(forNode(data));
  }

  async digest() {
    return new Uint8Array(this.hash.digest());
  }

  reset() {
    throw new Error("not needed by the signer");
  }
}

/**
 * One request signed by the official signer: a rig does not depend on the code that it tests.
 *
 * @param {S3Access} access
 * @param {string} method
 * @param {string} path - with a query, if there is one.
 * @param {string} [body]
 * @returns {Promise<Response>}
 */
export async function s3Request({ endpoint, region, accessKey, secretKey }, method, path, body) {
  const url = new URL(path, endpoint);
  const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
  const signer = new SignatureV4({
    service: "s3",
    region,
    credentials,
    sha256: Sha256,
    uriEscapePath: false,
  });
  const { headers } = await signer.sign({
    method,
    protocol: url.protocol,
    hostname: url.hostname,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: { host: url.host, ...(body === undefined ? {} : { "content-md5": md5(body) }) },
    body,
  });
  return fetch(url, { method, headers, ...(body === undefined ? {} : { body }) });
}

/** @param {string} text */
function md5(text) {
  return createHash("md5").update(text).digest("base64");
}

/**
 * @param {S3Access} access
 * @param {string} name
 * @throws Error when the server refuses.
 */
export async function createBucket(access, name) {
  const response = await s3Request(access, "PUT", `/${name}`);
  const text = await response.text();
  if (!response.ok) throw new Error(`PUT /${name}: ${response.status} ${text}`);
}
