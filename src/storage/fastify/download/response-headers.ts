import { formatEntityTag } from "../../../http/index.js";
import { contentDisposition } from "../../content/content-disposition.js";
import { isContentType, unknownContentType } from "../../content/content-type.js";
import { isShownType } from "../../content/shown-types.js";
import type { FileDetails } from "../../options.js";

/** How the caller wants the object presented. */
export interface Presentation {
  /** Save it even if a browser could show it. */
  readonly download: boolean;
  /** Name to save it under, instead of its own. */
  readonly filename: string | undefined;
  /** Whose pages may show it (`Cross-Origin-Resource-Policy`). */
  readonly resourcePolicy: ResourcePolicy;
  /** How long caches may keep it, as the URL was signed; without it the object says. */
  readonly cacheControl?: string | undefined;
  /** The same for an object that does not say. Default: caches keep nothing unasked. */
  readonly defaultCacheControl?: string | undefined;
}

/** Whose pages may show a file. */
export type ResourcePolicy = "same-origin" | "same-site" | "cross-origin";

/** Headers that 200, 206 and 304 share (RFC 9110 §15.4.5). */
export function validatorHeaders(
  file: FileDetails,
  { cacheControl, defaultCacheControl = "private, no-cache" }: Presentation,
): Record<string, string> {
  const headers: Record<string, string> = {
    "cache-control": cacheControl ?? file.cacheControl ?? defaultCacheControl,
    "last-modified": file.lastModified.toUTCString(),
    "accept-ranges": "bytes",
  };
  const etag = formatEntityTag(file.etag);
  if (etag !== undefined) headers.etag = etag;
  return headers;
}

/**
 * Headers of an answer that carries stored bytes: no content can run in the serving origin. `nosniff` is set for all
 * routes of the scope.
 */
export function contentHeaders(file: FileDetails, presentation: Presentation): Record<string, string> {
  const contentType = isContentType(file.contentType) ? file.contentType : unknownContentType;
  const isSaved = presentation.download || /^attachment/i.test(file.contentDisposition ?? "");
  const kind = isSaved || !isShownType(contentType) ? "attachment" : "inline";
  const headers = validatorHeaders(file, presentation);
  headers["content-type"] = contentType;
  headers["content-disposition"] = contentDisposition(kind, nameOf(file, presentation));
  if (file.contentEncoding !== undefined) headers["content-encoding"] = file.contentEncoding;
  if (file.contentLanguage !== undefined) headers["content-language"] = file.contentLanguage;
  headers["content-security-policy"] = "default-src 'none'; sandbox; frame-ancestors 'none'";
  headers["referrer-policy"] = "no-referrer";
  headers["cross-origin-resource-policy"] = presentation.resourcePolicy;
  return headers;
}

function nameOf(file: FileDetails, { filename }: Presentation): string {
  return filename ?? file.filename ?? file.key;
}
