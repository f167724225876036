import type { Stats } from "node:fs";
import type { ObjectDescription, ObjectStat } from "../../contract/backend.js";
import { type Checksum, isChecksum } from "../../contract/checksum.js";
import { descriptionOf, storedContentFields } from "../../contract/description.js";
import { isKey, type Key } from "../../contract/key.js";
import { type Metadata, noMetadata } from "../../contract/metadata.js";
import { DiskError } from "./disk-error.js";
import type { Holder } from "./holder.js";
import { randomToken } from "./temp-name.js";

/** What a record and a body must share to belong together. */
export interface Fingerprint {
  readonly size: number;
  /** Modification time of the body, in microseconds since the epoch; later than that of the body it replaced. */
  readonly stampUs: number;
}

/** A fingerprint of a file that was looked at; the inode guards what is kept in memory, where it is known. */
export interface FileFingerprint extends Fingerprint {
  readonly inode?: number | undefined;
}

/** Stands for a file where none is known, and is the same as no other, not even as itself. */
export const noFile: FileFingerprint = { size: 0, stampUs: Number.NaN, inode: undefined };

/** What is known of an object besides its bytes. */
export interface ObjectRecord extends Fingerprint, ObjectDescription {
  /** Random for each write: the strong ETag. */
  readonly version: string;
  readonly checksum: Checksum | undefined;
}

/** What a file is, and its record unless it is the one that the asker knows already. */
export interface Described {
  readonly file: FileFingerprint;
  /** The text of the record: who needs it parses it, which may be another thread. */
  readonly text?: string | undefined;
  readonly record?: ObjectRecord | undefined;
}

/** The content of a sidecar, and of the pending file that becomes it. */
export interface PendingRecord {
  readonly key: string;
  readonly holder: Holder;
  readonly version: string;
  /** Absent while an object is being removed. */
  readonly record: ObjectRecord | undefined;
}

/** The part of a sidecar's text that is known before the body has been stamped. */
export interface RecordDraft extends ObjectDescription {
  readonly version: string;
  readonly size: number;
  readonly checksum: Checksum | undefined;
}

/** What a new object will be known by, under a version of its own. */
export function draftOf(
  description: ObjectDescription,
  size: number,
  checksum: Checksum | undefined,
): RecordDraft {
  return { size, version: randomToken(), ...descriptionOf(description), checksum };
}

/** The text of a lock that is no record, as of a removal. `holder` is JSON. */
export function lockText(key: string, version: string, holder: string): string {
  return `{"format":1,"key":"${key}","holder":${holder},"version":"${version}"}`;
}

/** The text of a record with another holder, which is the last of its fields. `holder` is JSON. */
export function withHolder(text: string, holder: string): string {
  return `${text.slice(0, text.lastIndexOf(holderHead))}${holderHead}${holder}}`;
}

const holderHead = '"holder":';
const stampHead = '{"stampUs":';
/** Digits of a stamp until the year 2286; JSON does not mind blanks before fewer. */
const stampDigits = 16;

/**
 * The text of a record but for its stamp, which is known last: {@link fillStamp} writes it into the bytes. `holder`
 * is JSON. Stamp and size come first, so that {@link recordHead} tells without parsing whose record it is.
 */
export function recordText(key: string, holder: string, draft: RecordDraft): string {
  const described = JSON.stringify(draft).slice(1);
  return `${stampHead}${" ".repeat(stampDigits)},${described.slice(0, -1)},"format":1,"key":"${key}",${holderHead}${holder}}`;
}

/** Puts the stamp into the bytes of a {@link recordText}. */
export function fillStamp(bytes: Buffer, stampUs: number): void {
  bytes.write(String(stampUs).padStart(stampDigits), stampHead.length, "latin1");
}

/** How the text of the record begins that belongs to a file, if {@link recordText} made it. */
export function recordHead({ stampUs, size }: Fingerprint): string {
  return `${stampHead}${String(stampUs).padStart(stampDigits)},"size":${size},`;
}

/** Reads what {@link lockText} or {@link recordText} made; `undefined` when it is damaged. */
export function parsePending(text: string): PendingRecord | undefined {
  const fields = parseObject(text);
  if (fields === undefined || !isKey(fields.key) || !isVersion(fields.version)) return undefined;
  const holder = parseHolder(fields.holder);
  if (holder === undefined) return undefined;
  const record = fields.stampUs === undefined ? undefined : toRecord(fields);
  if (fields.stampUs !== undefined && record === undefined) return undefined;
  return { key: fields.key, holder, version: fields.version, record };
}

/** It becomes part of a file's name. */
function isVersion(version: unknown): version is string {
  return typeof version === "string" && /^[0-9a-f]+$/.test(version);
}

function toRecord(fields: Record<string, unknown>): ObjectRecord | undefined {
  const { version, size, stampUs, contentType, filename, metadata, checksum } = fields;
  if (typeof version !== "string" || typeof contentType !== "string") return undefined;
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(stampUs)) return undefined;
  return {
    version,
    size: Number(size),
    stampUs: Number(stampUs),
    contentType,
    filename: typeof filename === "string" ? filename : undefined,
    metadata: metadataOf(metadata),
    checksum: isChecksum(checksum) ? checksum : undefined,
    ...storedContentFields((_header, name) => fields[name]),
  };
}

function metadataOf(raw: unknown): Metadata {
  if (typeof raw !== "object" || raw === null) return noMetadata;
  const pairs = Object.entries(raw).filter((pair): pair is [string, string] => typeof pair[1] === "string");
  return Object.freeze(Object.fromEntries(pairs));
}

function parseHolder(raw: unknown): Holder | undefined {
  if (typeof raw !== "object" || raw === null) return undefined;
  const { host, pid, startedAt, user } = raw as Record<string, unknown>;
  if (typeof host !== "string" || typeof pid !== "number" || typeof startedAt !== "string") return undefined;
  return typeof user === "string" ? { host, pid, startedAt, user } : undefined;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** The fingerprint of a file on disk. */
export function fingerprintOf(stats: Stats): FileFingerprint {
  return { size: stats.size, stampUs: stampIn(stats.mtimeMs), inode: stats.ino };
}

/** Cut, since Node 24 keeps nanoseconds. Milliseconds as a number are right to a quarter of a microsecond. */
function stampIn(mtimeMs: number): number {
  return Math.floor(mtimeMs * 1000 + 0.25);
}

/**
 * The record of what was found, parsed if need be; `undefined` where it is the one that the asker knows.
 *
 * @throws DiskError `corrupt` when its text is damaged.
 */
export function recordOf({ record, text }: Described): ObjectRecord | undefined {
  if (text === undefined) return record;
  const parsed = parsePending(text)?.record;
  // To serve a guessed type where one was chosen could make text of what was an attachment.
  if (parsed === undefined) throw new DiskError("corrupt", "the metadata of the object is damaged");
  return parsed;
}

/** True when the record was written together with the body that has this fingerprint. */
export function belongsTogether(record: Fingerprint, file: Fingerprint): boolean {
  return record.size === file.size && record.stampUs === file.stampUs;
}

/** Whether a file is, by all that is known, the one that was looked at before. */
export function isSameFile(file: FileFingerprint, before: FileFingerprint): boolean {
  return belongsTogether(file, before) && (before.inode === undefined || before.inode === file.inode);
}

/** The contract's view of a record. */
export function toStat(key: Key, record: ObjectRecord): ObjectStat {
  return {
    key,
    size: record.size,
    contentType: record.contentType,
    etag: record.version,
    lastModified: new Date(Math.floor(record.stampUs / 1000)),
    filename: record.filename,
    metadata: record.metadata,
    checksum: record.checksum,
    cacheControl: record.cacheControl,
    contentEncoding: record.contentEncoding,
    contentDisposition: record.contentDisposition,
    contentLanguage: record.contentLanguage,
  };
}
