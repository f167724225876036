import { contentDisposition } from "../../content/content-disposition.js";
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

/** How the answer shall look. */
function answerQuery({ download, filename }: SignOptions): readonly (readonly [string, string])[] {
  if (!download && filename === undefined) return [];
  const kind = download ? "attachment" : "inline";
  const value = filename === undefined ? kind : contentDisposition(kind, filename);
  return [["response-content-disposition", value]];
}
