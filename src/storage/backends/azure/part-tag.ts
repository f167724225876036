import { createHmac, timingSafeEqual } from "node:crypto";
import type { UploadedPart } from "../../contract/backend.js";

/** What is known of a part: its blocks, its bytes, its crc32 as a number. */
export interface PartFacts {
  /** What the ids of its blocks begin with. */
  readonly scope: Buffer;
  readonly blocks: number;
  readonly size: number;
  readonly crc: number;
}

const tagPattern = /^([A-Za-z0-9_-]{27})\.([0-9]{1,5})\.([0-9]{1,15})\.([0-9a-f]{8})\.([A-Za-z0-9_-]{22})$/;

/** The ETag of a part: all that the completion needs, with a mark that only the upload's secret can make. */
export function writeTag(secret: Buffer, number: number, { scope, blocks, size, crc }: PartFacts): string {
  const facts = [scope.toString("base64url"), blocks, size, crc.toString(16).padStart(8, "0")].join(".");
  return `${facts}.${mark(secret, number, facts).toString("base64url")}`;
}

/** What the ETag of a part says; `undefined` where it was not made for this part of this upload. */
export function readTag(secret: Buffer, { number, etag }: UploadedPart): PartFacts | undefined {
  const [, scope = "", blocks, size, crc = "", given = ""] = tagPattern.exec(etag) ?? [];
  if (given === "") return undefined;
  const expected = mark(secret, number, etag.slice(0, -given.length - 1));
  if (!timingSafeEqual(expected, Buffer.from(given, "base64url"))) return undefined;
  return {
    scope: Buffer.from(scope, "base64url"),
    blocks: Number(blocks),
    size: Number(size),
    crc: Number.parseInt(crc, 16),
  };
}

/** 128 bits are enough for a mark (RFC 2104 §5). */
function mark(secret: Buffer, number: number, facts: string): Buffer {
  return createHmac("sha256", secret).update(`${number}.${facts}`).digest().subarray(0, 16);
}
