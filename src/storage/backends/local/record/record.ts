import type { Stats } from "node:fs";
import type { ObjectDescription, ObjectStat } from "../../../contract/backend.js";
import { type Checksum, isChecksum } from "../../../contract/checksum.js";
import { descriptionOf, storedContentFields } from "../../../contract/description.js";
import { isObjectName, type Key } from "../../../contract/key.js";
import { type Metadata, noMetadata } from "../../../contract/metadata.js";
import type { LockOwner } from "./lock-owner.js";
import { randomToken } from "./temp-name.js";

/** What a record and a body must share to belong together. */
export interface Fingerprint {
  readonly size: number;
  /** Modification time of the body, in microseconds since the epoch; later than that of the body it replaced. */
  readonly mtimeUs: number;
}

/** The fingerprint of a file; the inode, where it is known, guards records that are kept in memory. */
export interface FileFingerprint extends Fingerprint {
  readonly inode?: number | undefined;
}

/** All that is kept of an object besides its bytes. */
export interface ObjectRecord extends Fingerprint, ObjectDescription {
  /** Random for each write: the strong ETag. */
  readonly version: string;
  readonly checksum: Checksum | undefined;
}

/** The content of a sidecar, and of the lock file that becomes it. */
export interface LockContent {
  readonly key: string;
  readonly owner: LockOwner;
  readonly version: string;
  /** Absent while an object is being removed. */
  readonly record: ObjectRecord | undefined;
}

/** What is known of a record before its body has a date. */
export interface RecordDraft extends ObjectDescription {
  readonly version: string;
  readonly size: number;
  readonly checksum: Checksum | undefined;
}

/** What a new object will be known by, under a new version. */
export function draftOf(
  description: ObjectDescription,
  size: number,
  checksum: Checksum | undefined,
): RecordDraft {
  return { size, version: randomToken(), ...descriptionOf(description), checksum };
}

/** The text of a lock without a record, as of a removal. `owner` is JSON. */
export function lockText(key: string, version: string, owner: string): string {
  return `{"format":1,"key":"${key}","holder":${owner},"version":"${version}"}`;
}

/**
 * The text of a record. Date, size and key come first, so that {@link recordHead} tells without parsing whose record it
 * is. Keys need no escapes. `owner` is JSON.
 */
export function recordText(key: string, mtimeUs: number, draft: RecordDraft, owner: string): string {
  // Written out: to leave `size` out by rest and spread takes longer than all else.
  const described = JSON.stringify({
    version: draft.version,
    contentType: draft.contentType,
    filename: draft.filename,
    metadata: draft.metadata,
    cacheControl: draft.cacheControl,
    contentEncoding: draft.contentEncoding,
    contentDisposition: draft.contentDisposition,
    contentLanguage: draft.contentLanguage,
    checksum: draft.checksum,
  });
  return `${headOf(key, mtimeUs, draft.size)}"format":1,"holder":${owner},${described.slice(1)}`;
}

/** How the text of the record begins that belongs to a file, if {@link recordText} made it. */
export function recordHead(key: string, { mtimeUs, size }: Fingerprint): string {
  return headOf(key, mtimeUs, size);
}

function headOf(key: string, mtimeUs: number, size: number): string {
  return `{"stampUs":${mtimeUs},"size":${size},"key":"${key}",`;
}

/** Reads what {@link lockText} or {@link recordText} made; `undefined` when it is damaged. */
export function parseLock(text: string): LockContent | undefined {
  const fields = parseObject(text);
  if (fields === undefined || !isObjectName(fields.key) || !isVersion(fields.version)) return undefined;
  const owner = parseOwner(fields.holder);
  if (owner === undefined) return undefined;
  const record = fields.stampUs === undefined ? undefined : toRecord(fields);
  if (fields.stampUs !== undefined && record === undefined) return undefined;
  return { key: fields.key, owner, version: fields.version, record };
}

/** The version becomes part of a file name. */
function isVersion(version: unknown): version is string {
  return typeof version === "string" && /^[0-9a-f]{1,64}$/.test(version);
}

function toRecord(fields: Record<string, unknown>): ObjectRecord | undefined {
  const { version, size, stampUs, checksum } = fields;
  const description = descriptionIn(fields);
  if (typeof version !== "string" || description === undefined) return undefined;
  if (!isWhole(size) || !isWhole(stampUs)) return undefined;
  if (checksum !== undefined && checksum !== null && !isChecksum(checksum)) return undefined;
  return { version, size, mtimeUs: stampUs, ...description, checksum: checksum ?? undefined };
}

/** The description that parsed JSON holds; `undefined` where a field has another shape. */
export function descriptionIn(raw: unknown): ObjectDescription | undefined {
  if (!isFields(raw)) return undefined;
  const { contentType, filename } = raw;
  const metadata = metadataOf(raw.metadata);
  if (typeof contentType !== "string" || metadata === undefined || !isTextOrNothing(filename))
    return undefined;
  const content = storedContentFields((_header, name) => raw[name]);
  return { contentType, filename: filename ?? undefined, metadata, ...content };
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isTextOrNothing(value: unknown): value is string | null | undefined {
  return value === undefined || value === null || typeof value === "string";
}

function metadataOf(raw: unknown): Metadata | undefined {
  if (raw === undefined) return noMetadata;
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) return undefined;
  const pairs = Object.entries(raw);
  const isText = pairs.every((pair): pair is [string, string] => typeof pair[1] === "string");
  return isText ? Object.freeze(Object.fromEntries(pairs)) : undefined;
}

function parseOwner(raw: unknown): LockOwner | undefined {
  if (typeof raw !== "object" || raw === null) return undefined;
  const { host, pid, startedAt, user } = raw as Record<string, unknown>;
  if (typeof host !== "string" || !isWhole(pid) || pid === 0 || typeof startedAt !== "string")
    return undefined;
  return typeof user === "string" ? { host, pid, startedAt, user } : undefined;
}

/** The fields of a JSON object; `undefined` for anything else. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** The fingerprint of a file on disk. */
export function fingerprintOf(stats: Stats): FileFingerprint {
  return { size: stats.size, mtimeUs: toMicroseconds(stats.mtimeMs), inode: stats.ino };
}

/** Cut, since Node 24 keeps nanoseconds. Milliseconds as a number are right to a quarter of a microsecond. */
function toMicroseconds(mtimeMs: number): number {
  return Math.floor(mtimeMs * 1000 + 0.25);
}

/** True when the record was written together with the body that has this fingerprint. */
export function belongsTogether(record: Fingerprint, file: Fingerprint): boolean {
  return record.size === file.size && record.mtimeUs === file.mtimeUs;
}

/** Whether a file has the fingerprint that it had before. */
export function isSameFile(file: FileFingerprint, before: FileFingerprint | undefined): boolean {
  if (before === undefined || !belongsTogether(file, before)) return false;
  return before.inode === undefined || before.inode === file.inode;
}

/** The contract's view of a record. */
export function toStat(key: Key, record: ObjectRecord): ObjectStat {
  return {
    key,
    size: record.size,
    etag: record.version,
    lastModified: new Date(Math.floor(record.mtimeUs / 1000)),
    ...descriptionOf(record),
    checksum: record.checksum,
  };
}
