import { createHash } from "node:crypto";
import { readSync, type Stats } from "node:fs";
import { sniffBytes, sniffContentType } from "../../content/content-type.js";
import {
  algorithmOf,
  type Checksum,
  type ChecksumAlgorithm,
  ChecksumBuilder,
} from "../../contract/checksum.js";
import { noMetadata } from "../../contract/metadata.js";
import { DiskError } from "./disk-error.js";
import {
  type Described,
  type FileFingerprint,
  fingerprintOf,
  type ObjectRecord,
  parsePending,
} from "./record.js";
import { setStamp } from "./stamps.js";
import type { Store } from "./store.js";

const pieceBytes = 1024 * 1024;

/**
 * Describes a body whose stamp fits no record: the folder was copied without times, or the file was put there
 * or changed by hand. Content that still has the checksum of its record keeps the record.
 */
export function adopt(store: Store, key: string, fd: number, stats: Stats): Described {
  const file = fingerprintOf(stats);
  const records = [sidecarOf(store, key), pendingOf(store, key)];
  const record = records.find((each) => each !== undefined && hasContentOf(each, fd, stats.size));
  // To read it may have taken long.
  store.realFolders.lookAnew(store.layout.body(key));
  return record === undefined ? { file, record: describeForeign(key, fd, stats) } : rebind(fd, file, record);
}

function sidecarOf(store: Store, key: string): ObjectRecord | undefined {
  const text = store.realFolders.readSmall(store.layout.sidecar(key));
  if (text === undefined) return undefined;
  const parsed = parsePending(text);
  // To serve a guessed type where one was chosen could make text of what was an attachment.
  if (parsed === undefined) throw new DiskError("corrupt", `the metadata of '${key}' is damaged`);
  return parsed.record;
}

/** One that does not parse is a lock that is being written, and describes nothing yet. */
function pendingOf(store: Store, key: string): ObjectRecord | undefined {
  const text = store.realFolders.readSmall(store.layout.pending(key));
  return text === undefined ? undefined : parsePending(text)?.record;
}

function hasContentOf(record: ObjectRecord, fd: number, size: number): boolean {
  if (record.checksum === undefined || record.size !== size) return false;
  return checksumOfFile(fd, algorithmOf(record.checksum)) === record.checksum;
}

/** Checksum of an open file, from its start. */
export function checksumOfFile(fd: number, algorithm: ChecksumAlgorithm): Checksum {
  const builder = new ChecksumBuilder(algorithm);
  const piece = Buffer.allocUnsafeSlow(pieceBytes);
  let position = 0;
  for (;;) {
    const length = readSync(fd, piece, 0, pieceBytes, position);
    if (length === 0) return builder.digest();
    builder.update(piece.subarray(0, length));
    position += length;
  }
}

/** Gives the body back the stamp of its record, so that the next reader need not compare content. */
function rebind(fd: number, file: FileFingerprint, record: ObjectRecord): Described {
  try {
    return { file: setStamp(fd, record.stampUs), record };
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
    stampUs: fingerprintOf(stats).stampUs,
    contentType: sniffContentType(head.subarray(0, length), key),
    filename: undefined,
    metadata: noMetadata,
    checksum: undefined,
  };
}
