import type { IncomingHttpHeaders } from "node:http";
import { parseEntityTags } from "./entity-tag.js";
import { parseHttpDate, toSeconds } from "./http-date.js";

/** What conditions are compared with. */
export interface Validators {
  /** Strong, without quotes. */
  readonly etag: string;
  readonly lastModified: Date;
}

/** How the preconditions of a request turned out. */
export type Verdict = "pass" | "not-modified" | "failed";

/**
 * Evaluates the preconditions in the order of RFC 9110 §13.2.2. Only for objects that exist: a missing one is 404
 * under any condition.
 */
export function evaluate(headers: IncomingHttpHeaders, current: Validators, isRead: boolean): Verdict {
  if (!isUnchanged(headers, current)) return "failed";
  const noneMatch = headers["if-none-match"];
  if (noneMatch !== undefined) {
    if (!matchesWeakly(noneMatch, current)) return "pass";
    return isRead ? "not-modified" : "failed";
  }
  return isRead && !isModifiedSince(headers["if-modified-since"], current) ? "not-modified" : "pass";
}

/** `If-Range`: whether a range may be served. Strong comparison, or the very date (RFC 9110 §13.1.5). */
export function rangeApplies(headers: IncomingHttpHeaders, current: Validators): boolean {
  const field = headers["if-range"];
  if (field === undefined) return true;
  if (typeof field !== "string") return false;
  if (!field.includes('"')) return parseHttpDate(field) === toSeconds(current.lastModified);
  const tags = parseEntityTags(field);
  return Array.isArray(tags) && tags.length === 1 && matchesStrongly(field, current);
}

/** `If-Match`, else `If-Unmodified-Since`. */
function isUnchanged(headers: IncomingHttpHeaders, current: Validators): boolean {
  const match = headers["if-match"];
  if (match !== undefined) return matchesStrongly(match, current);
  const since = dateOf(headers["if-unmodified-since"]);
  return since === undefined || toSeconds(current.lastModified) <= since;
}

function isModifiedSince(field: string | undefined, current: Validators): boolean {
  const since = dateOf(field);
  return since === undefined || toSeconds(current.lastModified) > since;
}

function matchesStrongly(field: string, { etag }: Validators): boolean {
  const tags = parseEntityTags(field);
  if (tags === "*" || tags === undefined) return tags === "*";
  return tags.some(({ isWeak, value }) => !isWeak && value === etag);
}

function matchesWeakly(field: string, { etag }: Validators): boolean {
  const tags = parseEntityTags(field);
  if (tags === "*" || tags === undefined) return tags === "*";
  return tags.some(({ value }) => value === etag);
}

function dateOf(field: string | undefined): number | undefined {
  return field === undefined ? undefined : parseHttpDate(field);
}
