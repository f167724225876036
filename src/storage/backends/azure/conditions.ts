import type { WriteConditions } from "../../contract/backend.js";
import { anotherVersion } from "../../contract/service-error.js";

/** Conditions as the SDK takes them; decided by the service with the publication. */
export function requestConditions({ ifAbsent, ifMatch }: WriteConditions): {
  ifMatch?: string;
  ifNoneMatch?: string;
} {
  if (ifMatch !== undefined) return { ifMatch: quotedEtag(ifMatch) };
  return ifAbsent ? { ifNoneMatch: "*" } : {};
}

/** The ETag in quotes. What cannot be one (RFC 9110 §8.8.3) is no version that is there. */
export function quotedEtag(etag: string): string {
  if (/^[\x21\x23-\x7e]+$/.test(etag)) return `"${etag}"`;
  throw anotherVersion();
}
