import { signedDisposition, uploadDisposition } from "../../content/content-disposition.js";
import type { DirectOptions, DirectRequest, LazyUrl, SignOptions } from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import type { S3Access } from "./access.js";
import { objectHeaders } from "./headers/object-headers.js";
import { partQuery } from "./multipart.js";
import { parseUploadId } from "./upload-id.js";
import type { Headers } from "./wire/sigv4.js";

/** A URL with which anyone may read or write one object until it expires. */
export function sign({ client }: S3Access, key: Key, options: SignOptions): Promise<LazyUrl> {
  const { method, contentType, size } = options;
  if (method === "get") return client.presign("GET", key, answerQuery(options), {}, options);
  const headers: Headers = {};
  if (contentType !== undefined) headers["content-type"] = contentType;
  const disposition = uploadDisposition(contentType);
  if (disposition !== undefined) headers["content-disposition"] = disposition;
  if (size !== undefined) headers["content-length"] = String(size);
  return client.presign("PUT", key, [], headers, options);
}

/**
 * The request by which a client may write one object, or one part of it. All that it must send is signed. The service
 * compares versions by an MD5, of which others can be made: so content whose SHA-256 is not signed can be written only
 * once, where the service decides that.
 */
export async function signUpload(access: S3Access, key: Key, options: DirectOptions): Promise<DirectRequest> {
  const { part, expiresAt } = options;
  const headers = part === undefined ? wholeHeaders(access, options) : {};
  const query = part === undefined ? [] : partQuery(uploadIdOf(part.uploadId), part.number);
  const signed = { ...headers, "content-length": String(options.size) };
  const url = await access.client.presign("PUT", key, query, signed, { expiresAt });
  return { method: "PUT", url: url(), headers, fields: {} };
}

function wholeHeaders({ traits, marks }: S3Access, options: DirectOptions): Headers {
  const headers = objectHeaders(options, marks.later(undefined), traits);
  const [algorithm, hex = ""] = options.checksum?.split(":") ?? [];
  if (algorithm !== undefined && traits.checksums) {
    headers[`x-amz-checksum-${algorithm}`] = Buffer.from(hex, "hex").toString("base64");
  }
  if (traits.conditionalPut && algorithm !== "sha256") headers["if-none-match"] = "*";
  return headers;
}

function uploadIdOf(id: string): string {
  return parseUploadId(id)?.ofService ?? "";
}

/** How the answer is to be presented. */
function answerQuery(options: SignOptions): readonly (readonly [string, string])[] {
  const disposition = signedDisposition(options);
  const query: [string, string][] = [];
  if (options.cacheControl !== undefined) query.push(["response-cache-control", options.cacheControl]);
  if (disposition !== undefined) query.push(["response-content-disposition", disposition]);
  return query;
}
