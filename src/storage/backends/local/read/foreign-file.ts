import { createHash } from "node:crypto";
import { read, readSync, type Stats } from "node:fs";
import { sniffBytes, sniffContentType } from "../../../content/content-type.js";
import {
  algorithmOf,
  type Checksum,
  type ChecksumAlgorithm,
  ChecksumBuilder,
} from "../../../contract/checksum.js";
import { noMetadata } from "../../../contract/metadata.js";
import { ServiceError } from "../../../contract/service-error.js";
import { damaged, notFound } from "../disk/disk-error.js";
import { setDate } from "../record/body-date.js";
import {
  type FileFingerprint,
  fingerprintOf,
  type LockContent,
  type ObjectRecord,
  parseLock,
} from "../record/record.js";
import type { KnownObject } from "../record/record-cache.js";
import type { Store } from "../store.js";

const pieceBytes = 1024 * 1024;

/**
 * Describes a body whose date fits no record: the folder was copied without times, or the file was put there
 * or changed by hand. Content that still has the checksum of its record keeps the record.
 *
 * @throws ServiceError `corrupt` when the metadata is damaged, or has the date of the body and another size.
 */
export async function describeForeignFile(
  store: Store,
  key: string,
  fd: number,
  stats: Stats,
): Promise<KnownObject> {
  const file = fingerprintOf(stats);
  const records = [sidecarOf(store, key), lockOf(store, key)];
  for (const content of records) {
    const record = content?.record;
    if (record === undefined || content === undefined) continue;
    if (content.key !== key) throw notFound();
    if (record.mtimeUs === file.mtimeUs) throw cut();
    if (await hasContentOf(record, fd, stats.size)) return rebind(fd, file, record);
  }
  return { file, record: describeForeign(key, fd, stats) };
}

function sidecarOf(store: Store, key: string): LockContent | undefined {
  const text = store.guard.readSmall(store.layout.sidecar(key));
  if (text === undefined) return undefined;
  const content = parseLock(text);
  if (content === undefined) throw damaged();
  return content;
}

/** A lock file that does not parse is being written, and describes nothing yet. */
function lockOf(store: Store, key: string): LockContent | undefined {
  const text = store.guard.readSmall(store.layout.lock(key));
  return text === undefined ? undefined : parseLock(text);
}

function cut(): ServiceError {
  return new ServiceError("corrupt", "the content has another size than its metadata says");
}

async function hasContentOf(record: ObjectRecord, fd: number, size: number): Promise<boolean> {
  if (record.checksum === undefined || record.size !== size) return false;
  return (await checksumOfFile(fd, algorithmOf(record.checksum))) === record.checksum;
}

/** Checksum of an open file, from its start. It may be large, so it is read on the thread pool. */
async function checksumOfFile(fd: number, algorithm: ChecksumAlgorithm): Promise<Checksum> {
  const builder = new ChecksumBuilder(algorithm);
  const piece = Buffer.allocUnsafeSlow(pieceBytes);
  let position = 0;
  for (;;) {
    const length = await readPiece(fd, piece, position);
    if (length === 0) return builder.digest();
    builder.update(piece.subarray(0, length));
    position += length;
  }
}

function readPiece(fd: number, piece: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, piece, 0, piece.byteLength, position, (error, length) =>
      error ? reject(error) : resolve(length),
    );
  });
}

/** Gives the body back the date of its record, so that the next reader need not compare content. */
function rebind(fd: number, file: FileFingerprint, record: ObjectRecord): KnownObject {
  try {
    return { file: setDate(fd, record.mtimeUs), record };
  } catch {
    // A folder that may only be read is served as it is.
    return { file, record };
  }
}

function describeForeign(key: string, fd: number, stats: Stats): ObjectRecord {
  const head = Buffer.alloc(sniffBytes);
  const length = readSync(fd, head, 0, sniffBytes, 0);
  const identity = `${stats.ino}:${stats.mtimeMs}:${stats.ctimeMs}:${stats.size}`;
  return {
    version: createHash("sha256").update(identity).digest("hex").slice(0, 24),
    size: stats.size,
    mtimeUs: fingerprintOf(stats).mtimeUs,
    contentType: sniffContentType(head.subarray(0, length), key),
    filename: undefined,
    metadata: noMetadata,
    checksum: undefined,
  };
}
