import { createHash } from "node:crypto";
import { signedDisposition, uploadDisposition } from "../../content/content-disposition.js";
import type { DirectOptions, DirectRequest, LazyUrl, SignOptions } from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import { encodePath, encodeQuery } from "../../contract/percent-encoding.js";
import { ServiceError } from "../../contract/service-error.js";
import type { GcsAccess } from "./access.js";
import { membersOf } from "./object-resource.js";

const algorithm = "GOOG4-RSA-SHA256";

/** A V4 signed URL (https://cloud.google.com/storage/docs/authentication/canonical-requests). */
export async function sign(access: GcsAccess, key: Key, options: SignOptions): Promise<LazyUrl> {
  const { client, paths, identity } = access;
  const path = `/${paths.bucket}/${encodePath(key)}`;
  const email = await identity.email();
  // An emulator asks for no credentials.
  if (email === undefined) return () => client.endpoint + path;
  const headers = headersOf(client.endpoint, options);
  const method = options.method.toUpperCase();
  return signed(access, { method, path, email, headers, answer: answerOf(options) }, options);
}

/**
 * The request by which a client may write one object. Its metadata is given when it is published, as headers hold no
 * other script than ASCII (https://cloud.google.com/storage/docs/xml-api/reference-headers#xgoogcontentlengthrange).
 */
export async function signUpload(
  access: GcsAccess,
  key: Key,
  { size, contentType, expiresAt }: DirectOptions,
): Promise<DirectRequest> {
  const { client, paths, identity } = access;
  const path = `/${paths.bucket}/${encodePath(key)}`;
  const disposition = uploadDisposition(contentType);
  const sent = {
    ...(disposition !== undefined && { "content-disposition": disposition }),
    "content-type": contentType.trim().replace(/\s+/g, " "),
    "x-goog-content-length-range": `${size},${size}`,
  };
  const email = await identity.email();
  if (email === undefined) return { method: "PUT", url: client.endpoint + path, headers: sent, fields: {} };
  const host = ["host", new URL(client.endpoint).host] as const;
  const headers = [...Object.entries(sent), host].sort(([a = ""], [b = ""]) => (a < b ? -1 : 1));
  const url = await signed(access, { method: "PUT", path, email, headers, answer: {} }, { expiresAt });
  return { method: "PUT", url: url(), headers: sent, fields: {} };
}

interface SignedRequest {
  readonly method: string;
  readonly path: string;
  /** The name of the account that signs. */
  readonly email: string;
  /** What the request must bring with it, in the order of the names. */
  readonly headers: readonly (readonly [string, string])[];
  /** How the answer is to look. */
  readonly answer: Readonly<Record<string, string>>;
}

async function signed(
  access: GcsAccess,
  { method, path, email, headers, answer }: SignedRequest,
  options: Pick<SignOptions, "signedAt" | "expiresAt">,
): Promise<LazyUrl> {
  const { client, identity, now } = access;
  const time = timeOf(options.signedAt?.getTime() ?? now(), options.expiresAt);
  const scope = `${time.stamp.slice(0, 8)}/auto/storage/goog4_request`;
  const query = encodeQuery(
    Object.entries({
      "X-Goog-Algorithm": algorithm,
      "X-Goog-Credential": `${email}/${scope}`,
      "X-Goog-Date": time.stamp,
      "X-Goog-Expires": String(time.seconds),
      "X-Goog-SignedHeaders": headers.map(([name]) => name).join(";"),
      ...answer,
    }),
  );
  const canonical = canonicalRequest(method, path, query, headers);
  const hash = createHash("sha256").update(canonical).digest("hex");
  const text = [algorithm, time.stamp, scope, hash].join("\n");
  const start = `${client.endpoint}${path}?${query}&X-Goog-Signature=`;
  const sign = await identity.signer();
  if (sign !== undefined) return () => start + sign(text).toString("hex");
  const signature = await signByIam(access, email, text);
  return () => start + signature.toString("hex");
}

/** The headers that the request must have, in the order of their names. */
function headersOf(
  endpoint: string,
  { method, contentType }: SignOptions,
): readonly (readonly [string, string])[] {
  const host = ["host", new URL(endpoint).host] as const;
  if (method === "get" || contentType === undefined) return [host];
  const disposition = uploadDisposition(contentType);
  return [
    ...(disposition === undefined ? [] : [["content-disposition", disposition] as const]),
    ["content-type", contentType.trim().replace(/\s+/g, " ")],
    host,
  ];
}

/** https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/signBlob */
async function signByIam({ client, iamEndpoint }: GcsAccess, email: string, text: string): Promise<Buffer> {
  const answer = await client
    .json({
      method: "POST",
      path: `${iamEndpoint}/v1/projects/-/serviceAccounts/${encodeURIComponent(email)}:signBlob`,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ payload: Buffer.from(text).toString("base64") }),
      signal: undefined,
    })
    .catch((error: unknown) => Promise.reject(iamError(error)));
  const { signedBlob } = membersOf(answer);
  if (typeof signedBlob === "string") return Buffer.from(signedBlob, "base64");
  throw new ServiceError("unavailable", "IAM's answer holds no signature");
}

/** A missing right is that of signing, not one of the bucket. */
function iamError(error: unknown): unknown {
  if (!(error instanceof ServiceError) || (error.status !== 403 && error.status !== 404)) return error;
  const message =
    "IAM does not let this account sign URLs: give it the role roles/iam.serviceAccountTokenCreator on itself, " +
    "or a key in STORAGE_GCS_CREDENTIALS_PATH";
  return new ServiceError("permission_denied", message, {
    answer: { service: "Google IAM", status: error.status },
    applied: false,
  });
}

/** How the answer is to look (https://cloud.google.com/storage/docs/xml-api/get-object-download). */
function answerOf(options: SignOptions): Readonly<Record<string, string>> {
  if (options.method !== "get") return {};
  const disposition = signedDisposition(options);
  return {
    ...(options.cacheControl !== undefined && { "response-cache-control": options.cacheControl }),
    ...(disposition !== undefined && { "response-content-disposition": disposition }),
  };
}

/** From when and for how many seconds; a URL that is about to expire still lives for one. */
function timeOf(now: number, expiresAt: Date): { readonly stamp: string; readonly seconds: number } {
  const end = Math.floor(expiresAt.getTime() / 1000);
  const start = Math.min(Math.floor(now / 1000), end - 1);
  const stamp = new Date(start * 1000).toISOString().replace(/[-:]|\.[0-9]{3}/g, "");
  return { stamp, seconds: end - start };
}

function canonicalRequest(
  method: string,
  path: string,
  query: string,
  headers: readonly (readonly [string, string])[],
): string {
  const lines = headers.map(([name, value]) => `${name}:${value}\n`).join("");
  const names = headers.map(([name]) => name).join(";");
  return [method, path, query, lines, names, "UNSIGNED-PAYLOAD"].join("\n");
}
