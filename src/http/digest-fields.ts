import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { badRequest, HttpError } from "./http-error.js";

/** A digest that a sender states: the algorithm, a colon, lower-case hex. */
export type StatedDigest = `${"sha256" | "sha512" | "md5"}:${string}`;

/** The algorithms of RFC 9530 that count, with the characters of their digests in base64. */
const algorithms = [
  { member: /^sha-256=(.*)$/, name: "sha256", form: /^:([A-Za-z0-9+/]{43}=):$/ },
  { member: /^sha-512=(.*)$/, name: "sha512", form: /^:([A-Za-z0-9+/]{86}==):$/ },
] as const;

/**
 * What the sender states of the content by `Repr-Digest` or `Content-Digest` (RFC 9530; `sha-256` and `sha-512`, other
 * algorithms are ignored, as the RFC allows) and by `Content-MD5` (RFC 1864).
 *
 * @throws HttpError (400) for a malformed one, or two that differ.
 */
export function statedDigests(headers: IncomingHttpHeaders): readonly StatedDigest[] {
  const stated = new Set([
    ...[headers["repr-digest"], headers["content-digest"]].flatMap(digestsOf),
    ...md5Of(headers["content-md5"]),
  ]);
  const named = new Set([...stated].map((digest) => digest.slice(0, digest.indexOf(":"))));
  if (named.size < stated.size) throw badRequest("the digest fields contradict each other");
  return [...stated];
}

/**
 * The same bytes; the end comes only when they have the digests.
 *
 * @throws HttpError (400, `checksum_mismatch`) while they are iterated.
 */
export async function* withDigests(
  source: AsyncIterable<Uint8Array>,
  digests: readonly StatedDigest[],
): AsyncGenerator<Uint8Array, void, undefined> {
  const sums = digests.map((stated) => {
    const algorithm = stated.slice(0, stated.indexOf(":"));
    return { stated, algorithm, hash: createHash(algorithm) };
  });
  for await (const piece of source) {
    for (const { hash } of sums) hash.update(piece);
    yield piece;
  }
  for (const { stated, algorithm, hash } of sums) {
    const actual = `${algorithm}:${hash.digest("hex")}`;
    if (actual === stated) continue;
    throw new HttpError(400, "checksum_mismatch", `content has ${actual}, expected ${stated}`);
  }
}

function digestsOf(field: string | readonly string[] | undefined): readonly StatedDigest[] {
  if (field === undefined) return [];
  const members = String(field).split(",");
  return members.flatMap((member) => digestOf(member.trim()));
}

function digestOf(member: string): readonly StatedDigest[] {
  for (const { member: pattern, name, form } of algorithms) {
    const value = pattern.exec(member)?.[1];
    if (value === undefined) continue;
    const base64 = form.exec(value)?.[1];
    if (base64 === undefined) throw badRequest(`a ${name} digest is not well-formed`);
    return [`${name}:${hexOf(base64)}`];
  }
  return [];
}

function md5Of(field: string | readonly string[] | undefined): readonly StatedDigest[] {
  if (field === undefined) return [];
  if (!/^[A-Za-z0-9+/]{22}==$/.test(String(field))) throw badRequest("Content-MD5 is not well-formed");
  return [`md5:${hexOf(String(field))}`];
}

function hexOf(base64: string): string {
  return Buffer.from(base64, "base64").toString("hex");
}
