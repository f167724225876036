import { signedDisposition } from "../../content/content-disposition.js";
import type { LazyUrl, SignOptions } from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import type { BucketAccess } from "./access.js";
import type { Headers } from "./sigv4.js";

/** A URL with which anyone may read or write one object until it expires. */
export function signUrl({ client }: BucketAccess, key: Key, options: SignOptions): Promise<LazyUrl> {
  const { method, contentType, size, expiresAt } = options;
  if (method === "get") return client.presign("GET", key, answerQuery(options), {}, expiresAt);
  const headers: Headers = {};
  if (contentType !== undefined) headers["content-type"] = contentType;
  if (size !== undefined) headers["content-length"] = String(size);
  return client.presign("PUT", key, [], headers, expiresAt);
}

/** How the answer is to be presented. */
function answerQuery(options: SignOptions): readonly (readonly [string, string])[] {
  const value = signedDisposition(options);
  return value === undefined ? [] : [["response-content-disposition", value]];
}
