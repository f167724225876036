import { createHash } from "node:crypto";

/** 72 bits, which no mix-up of two uploads has by chance. */
const tagLength = 12;

/**
 * The id of an upload as callers are given it: tied to the whole key, the tenant's part included, so that it is of no
 * use under another key, also where the backend does not check that. It is a guard against mistakes and no secret: a caller
 * who knows key and id can resume the upload, and can tie it to another key. The rules of an upload are in its lease.
 */
export function tieUploadId(key: string, ofBackend: string): string {
  return `${tagOf(key, ofBackend)}.${ofBackend}`;
}

/** The backend's own id; `undefined` when the id was made for another key, or for none. */
export function untieUploadId(key: string, id: unknown): string | undefined {
  if (typeof id !== "string" || id[tagLength] !== ".") return undefined;
  const ofBackend = id.slice(tagLength + 1);
  return id === tieUploadId(key, ofBackend) ? ofBackend : undefined;
}

function tagOf(key: string, ofBackend: string): string {
  return createHash("sha256").update(`${key}\n${ofBackend}`).digest("base64url").slice(0, tagLength);
}
