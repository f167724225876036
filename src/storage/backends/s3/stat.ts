import type { CallOptions, ObjectStat } from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import { refusal } from "../../contract/service-error.js";
import type { S3Access } from "./access.js";
import { statOf } from "./headers/object-headers.js";
import { bareEtag, parseVersion } from "./headers/version.js";
import { listEntry } from "./list.js";
import { answerError, isAbsent } from "./wire/answer-error.js";
import type { S3Response } from "./wire/exchange.js";
import { listedEtag } from "./wire/list-answer.js";

/** Milliseconds in which what was written must be seen. */
const lookMs = 10_000;

/** What the service tells of an object. */
export async function statObject(access: S3Access, key: Key, options: CallOptions): Promise<ObjectStat> {
  return sizedStat(access, key, await headObject(access, key, options), options);
}

/** The same of headers that may not tell the size, which the listing then does. */
export async function sizedStat(
  access: S3Access,
  key: Key,
  headers: S3Response["headers"],
  { signal }: CallOptions,
): Promise<ObjectStat> {
  const stat = statOf(key, headers);
  const size = stat.size ?? (await listedSize(access, key, bareEtag(headers.etag), signal));
  return { ...stat, size };
}

async function listedSize(
  access: S3Access,
  key: Key,
  etag: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const entry = await listEntry(access, key, signal);
  if (entry !== undefined && ["", etag].includes(listedEtag(entry))) return entry.size;
  throw refusal("unavailable", "the service does not tell the size of the object");
}

/** The headers in which it tells that. */
export async function headObject(
  access: S3Access,
  key: Key,
  { signal }: CallOptions,
): Promise<S3Response["headers"]> {
  const { client, encryption } = access;
  try {
    return (await client.send({ method: "HEAD", key, headers: encryption.access, signal })).headers;
  } catch (error) {
    if (isAbsent(error)) await checkBucket(access, signal);
    throw error;
  }
}

/** The object, when it can be seen and is still the one of this write; anything else would describe another's. */
export async function statWritten(
  access: S3Access,
  key: Key,
  writeId: string | undefined,
): Promise<ObjectStat | undefined> {
  const stat = await lookAt(access, key);
  return stat !== undefined && parseVersion(stat.etag).writeId === writeId ? stat : undefined;
}

/** The object that is stored after a write, of this or another writer; `undefined` when it cannot be seen. */
export async function lookAt(access: S3Access, key: Key): Promise<ObjectStat | undefined> {
  try {
    return await statObject(access, key, { signal: AbortSignal.timeout(lookMs) });
  } catch {
    return undefined;
  }
}

/** An answer to HEAD has no body, so it does not tell a missing object from a missing bucket. */
async function checkBucket({ client }: S3Access, signal: AbortSignal | undefined): Promise<void> {
  if (client.isBucketSeen) return;
  try {
    await client.send({ method: "HEAD", signal });
  } catch (error) {
    const isMissing = isAbsent(error);
    if (isMissing) throw answerError({ status: 404, reason: "NoSuchBucket" });
  }
}
