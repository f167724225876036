import type { IncomingHttpHeaders } from "node:http";
import { badRequest } from "./http-error.js";

/** A digest that a sender states: the algorithm, a colon, lower-case hex. */
export type StatedDigest = `sha256:${string}`;

const sha256 = /^sha-256=:([A-Za-z0-9+/]{43}=):$/;

/**
 * The SHA-256 that the sender demands by `Repr-Digest` or `Content-Digest` (RFC 9530); other algorithms are
 * ignored, as the RFC allows.
 *
 * @throws HttpError (400) for a malformed one, or two that differ.
 */
export function requiredChecksum(headers: IncomingHttpHeaders): StatedDigest | undefined {
  const demanded = [headers["repr-digest"], headers["content-digest"]].flatMap(digestsOf);
  if (new Set(demanded).size > 1) throw badRequest("the digest fields contradict each other");
  return demanded[0];
}

/**
 * Refuses a digest of a form: it covers the envelope, so the file cannot be held to it.
 *
 * @throws HttpError (400)
 */
export function refuseDigest(headers: IncomingHttpHeaders): void {
  if (headers["repr-digest"] === undefined && headers["content-digest"] === undefined) return;
  throw badRequest("a digest is verified of bare content only, not of a form");
}

function digestsOf(field: string | readonly string[] | undefined): readonly StatedDigest[] {
  if (field === undefined) return [];
  return String(field)
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member.startsWith("sha-256="))
    .map(toChecksum);
}

function toChecksum(member: string): StatedDigest {
  const [, base64] = sha256.exec(member) ?? [];
  if (base64 === undefined) throw badRequest("a sha-256 digest is not well-formed");
  return `sha256:${Buffer.from(base64, "base64").toString("hex")}`;
}
