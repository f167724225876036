import { BufferedBody } from "../content/body.js";
import type { CallOptions, ObjectDescription, ObjectStat, StorageBackend } from "../contract/backend.js";
import type { Checksum } from "../contract/checksum.js";
import {
  CorruptObjectError,
  FileNotFoundError,
  StorageError,
  type StorageErrorCode,
} from "../contract/error.js";
import type { Key } from "../contract/key.js";
import { noMetadata } from "../contract/metadata.js";
import { bytesOf } from "../contract/whole-body.js";
import type { PolicyOptions } from "../policy/index.js";
import { endOfLease, leaseKey } from "./staging.js";

/** What is known of an unfinished upload; kept in the storage itself. */
export interface Lease {
  /** Where the content shall be, in the storage that began the upload. */
  readonly key: string;
  readonly description: ObjectDescription;
  /** Bytes that were announced. */
  readonly size?: number | undefined;
  readonly checksum?: Checksum | undefined;
  /** What the storage that began the upload demands, and further rules of this upload. */
  readonly policy?: PolicyOptions | readonly PolicyOptions[] | undefined;
  /** The scanners that must look at the content. */
  readonly scanners?: readonly string[] | undefined;
  readonly ifAbsent?: boolean | undefined;
  readonly ifMatch?: string | undefined;
  /** The upload of the backend, where the content comes in parts. */
  readonly uploadId?: string | undefined;
  /** How many parts there must be. */
  readonly parts?: number | undefined;
  /** Whether the parts are of the object itself, as no check has to come before it is seen. */
  readonly isUnchecked?: boolean | undefined;
  /** The version of the content that passed, once it is being published under conditions. */
  readonly publishing?: string | undefined;
  /** What was stored, once it was. */
  readonly stored?: ObjectStat | undefined;
}

const description = {
  contentType: "application/json",
  filename: undefined,
  metadata: noMetadata,
} as const;

/** What kind of failure an error is, whether a check or the backend threw it. */
export function codeOf(backend: StorageBackend, error: unknown): StorageErrorCode {
  return error instanceof StorageError ? error.code : backend.classify(error).code;
}

/** A lease as it was read, and the version of it. */
export interface FoundLease {
  readonly lease: Lease;
  readonly version: string;
}

/** A lease, and the upload whose lease it is. */
export interface UploadLease extends FoundLease {
  readonly id: string;
}

/**
 * Keeps a lease, or what has become of it.
 *
 * @param version - only over this one, where the backend can do that; another one is `precondition_failed`.
 * @returns the version that it has now.
 */
export async function writeLease(
  backend: StorageBackend,
  id: string,
  lease: Lease,
  { signal, version }: CallOptions & { readonly version?: string | undefined },
): Promise<string> {
  const bytes = Buffer.from(JSON.stringify(lease));
  const body = new BufferedBody(bytes, { maxBytes: bytes.byteLength, size: undefined, checksum: undefined });
  const ifMatch = backend.capabilities.ifMatch ? version : undefined;
  const { etag } = await backend.write(leaseKey(id), body, {
    ...description,
    ifAbsent: false,
    ifMatch,
    signal,
  });
  return etag;
}

/** @throws FileNotFoundError when there is no such upload, or its lease has ended. */
export async function findLease(
  backend: StorageBackend,
  id: unknown,
  options: CallOptions,
): Promise<UploadLease> {
  const endsAt = endOfLease(id);
  if (typeof id !== "string" || endsAt === undefined || endsAt.getTime() <= Date.now()) throw noUpload();
  const found = await readLease(backend, leaseKey(id), options);
  if (found === undefined) throw noUpload();
  return { id, ...found };
}

/** The lease at a place; `undefined` when there is none. */
export async function readLease(
  backend: StorageBackend,
  at: Key,
  { signal }: CallOptions,
): Promise<FoundLease | undefined> {
  try {
    const { stat, body } = await backend.read(at, { range: undefined, ifMatch: undefined, signal });
    return { lease: parseLease((await bytesOf(body)).toString()), version: stat.etag };
  } catch (error) {
    if (codeOf(backend, error) === "not_found") return undefined;
    throw error;
  }
}

function parseLease(text: string): Lease {
  try {
    const { stored, ...lease } = JSON.parse(text);
    if (typeof lease.key !== "string" || typeof lease.description !== "object") throw damaged();
    if (stored === undefined) return lease;
    return { ...lease, stored: { ...stored, lastModified: new Date(stored.lastModified) } };
  } catch (cause) {
    throw damaged(cause);
  }
}

/** The refusal of an id that leads to nothing: also when it is another tenant's. */
export function noUpload(): FileNotFoundError {
  return new FileNotFoundError({ message: "there is no such upload, or its time is over" });
}

function damaged(cause?: unknown): CorruptObjectError {
  return new CorruptObjectError({ message: "the lease of the upload is damaged", cause });
}
