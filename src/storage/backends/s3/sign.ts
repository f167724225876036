import { signedDisposition } from "../../content/content-disposition.js";
import type { LazyUrl, SignOptions } from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import type { BucketAccess } from "./access.js";
import type { Headers } from "./wire/sigv4.js";

/** A URL with which anyone may read or write one object until it expires. */
export function signUrl({ client }: BucketAccess, key: Key, options: SignOptions): Promise<LazyUrl> {
  const { method, contentType, size } = options;
  if (method === "get") return client.presign("GET", key, answerQuery(options), {}, options);
  const headers: Headers = {};
  if (contentType !== undefined) headers["content-type"] = contentType;
  if (size !== undefined) headers["content-length"] = String(size);
  return client.presign("PUT", key, [], headers, options);
}

/** How the answer is to be presented. */
function answerQuery(options: SignOptions): readonly (readonly [string, string])[] {
  const disposition = signedDisposition(options);
  const query: [string, string][] = [];
  if (options.cacheControl !== undefined) query.push(["response-cache-control", options.cacheControl]);
  if (disposition !== undefined) query.push(["response-content-disposition", disposition]);
  return query;
}
