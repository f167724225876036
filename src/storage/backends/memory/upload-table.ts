import { randomBytes } from "node:crypto";
import type { ObjectDescription, UnfinishedUpload, UploadedPart } from "../../contract/backend.js";
import { type Checksum, ChecksumBuilder } from "../../contract/checksum.js";
import type { Key } from "../../contract/key.js";
import { noUpload, refusal, type ServiceError } from "../../contract/service-error.js";
import type { ByteBudget } from "./byte-budget.js";
import { entryBytes, overheadBytes } from "./entry-bytes.js";

interface StoredPart {
  readonly bytes: Buffer;
  readonly etag: string;
}

interface Upload {
  readonly key: Key;
  readonly description: ObjectDescription;
  readonly parts: Map<number, StoredPart>;
  readonly begunAt: number;
}

/** An upload whose parts have been joined. */
export interface JoinedUpload {
  readonly bytes: Buffer;
  readonly checksum: Checksum;
  readonly description: ObjectDescription;
  /** Bytes of the budget that the upload takes, with the parts that were not named. */
  readonly reservedBytes: number;
}

/** Multipart uploads that are under way. */
export class UploadTable {
  readonly #uploads = new Map<string, Upload>();
  readonly #budget: ByteBudget;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  create(key: Key, description: ObjectDescription, now: number): string {
    this.#budget.reserve(entryBytes(key, description));
    const id = randomBytes(18).toString("base64url");
    this.#uploads.set(id, { key, description, parts: new Map(), begunAt: now });
    return id;
  }

  /** Refuses an upload that is not under way. */
  check(key: Key, id: string): void {
    this.#get(key, id);
  }

  /** All that are under way. */
  all(): readonly UnfinishedUpload[] {
    return [...this.#uploads].map(([uploadId, { key, begunAt }]) => ({
      key,
      uploadId,
      begunAt: new Date(begunAt),
    }));
  }

  /** Keeps a part whose bytes have been reserved. */
  put(key: Key, id: string, number: number, bytes: Buffer, checksum: Checksum): UploadedPart {
    const { parts } = this.#get(key, id);
    const old = parts.get(number);
    if (old === undefined) this.#budget.reserve(overheadBytes);
    else this.#budget.release(old.bytes.length);
    const etag = `${number}-${bytes.length}-${checksum.slice("crc32:".length)}`;
    parts.set(number, { bytes, etag });
    return { number, etag, size: bytes.length };
  }

  /** The parts that are kept, in the order of their numbers. */
  list(key: Key, id: string): readonly UploadedPart[] {
    const parts = [...this.#get(key, id).parts].map(([number, { bytes, etag }]) => ({
      number,
      etag,
      size: bytes.length,
    }));
    return parts.sort((one, other) => one.number - other.number);
  }

  /** Joins the parts that were named; the upload stays until it is {@link forget forgotten}. */
  join(key: Key, id: string, named: readonly UploadedPart[]): JoinedUpload {
    const upload = this.#get(key, id);
    const pieces = named.map((part, index) => {
      if (part.number <= (named[index - 1]?.number ?? 0)) throw wrongPart("the parts are not in order");
      const stored = upload.parts.get(part.number);
      if (stored === undefined || stored.etag !== part.etag)
        throw wrongPart(`there is no such part ${part.number}`);
      return stored.bytes;
    });
    const crc = pieces.reduce((builder, piece) => builder.update(piece), new ChecksumBuilder("crc32"));
    const { description } = upload;
    return {
      bytes: Buffer.concat(pieces),
      checksum: crc.digest(),
      description,
      reservedBytes: heldBytes(upload),
    };
  }

  /** Drops an upload whose bytes now belong to an object. */
  forget(id: string): void {
    this.#uploads.delete(id);
  }

  /** Drops an upload with its bytes. */
  abort(key: Key, id: string): void {
    const upload = this.#uploads.get(id);
    if (upload?.key !== key) return;
    this.#uploads.delete(id);
    this.#budget.release(heldBytes(upload));
  }

  /** Drops what was begun at or before `time`; returns when the next one was begun. */
  removeUntil(time: number): number | undefined {
    for (const [id, { key, begunAt }] of this.#uploads) {
      if (begunAt > time) return begunAt;
      this.abort(key, id);
    }
    return undefined;
  }

  #get(key: Key, id: string): Upload {
    const upload = this.#uploads.get(id);
    if (upload?.key === key) return upload;
    throw noUpload();
  }
}

function heldBytes({ key, description, parts }: Upload): number {
  let sum = entryBytes(key, description);
  for (const { bytes } of parts.values()) sum += overheadBytes + bytes.length;
  return sum;
}

function wrongPart(message: string): ServiceError {
  return refusal("invalid_argument", message);
}
