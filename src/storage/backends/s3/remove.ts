import { getFips } from "node:crypto";
import type { CallOptions, RemoveFailure, RemoveOptions } from "../../contract/backend.js";
import { inParallel } from "../../contract/in-parallel.js";
import type { Key } from "../../contract/key.js";
import { anotherVersion, type ServiceError } from "../../contract/service-error.js";
import type { S3Access } from "./access.js";
import { conditionHeaders } from "./conditions.js";
import { checksumHeader, md5Header } from "./put.js";
import { statObject } from "./stat.js";
import { documentOf, malformedAnswer } from "./wire/answer-document.js";
import { answerError, isAbsent } from "./wire/answer-error.js";
import { textPayload } from "./wire/payload.js";
import { blocksOf, escapeText, textOf } from "./wire/xml.js";

/** Requests at once where a service removes one object at a time. */
const removalsAtOnce = 16;

/**
 * Removes an object. The service does not tell whether there was one, so a request before does. It decides a
 * condition in one step with the removal, but knows only its own ETag, which two writes of the same bytes share; the
 * id of the write is looked at here.
 */
export async function removeObject(access: S3Access, key: Key, options: RemoveOptions): Promise<boolean> {
  const { ifMatch } = options;
  try {
    const { etag } = await statObject(access, key, options);
    if (ifMatch !== undefined && etag !== ifMatch) throw anotherVersion();
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
  await removeBlindly(access, key, options);
  return true;
}

/** Removes what there is of many objects, and tells which could not be removed. */
export async function removeObjects(
  access: S3Access,
  keys: readonly Key[],
  options: CallOptions,
): Promise<readonly RemoveFailure[]> {
  const distinct = [...new Set(keys)];
  if (distinct.length === 0) return [];
  return access.traits.bulkDelete
    ? removeAtOnce(access, distinct, options)
    : removeEach(access, distinct, options);
}

async function removeAtOnce(
  { client }: S3Access,
  keys: readonly Key[],
  { signal }: CallOptions,
): Promise<readonly RemoveFailure[]> {
  const entries = keys.map((key) => `<Object><Key>${escapeText(key)}</Key></Object>`).join("");
  const xml = `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>${entries}</Delete>`;
  const payload = textPayload(xml);
  // Content-MD5 is accepted by every service and required by some; AWS takes either. FIPS 140 leaves only the other one.
  const headers = {
    "content-type": "application/xml",
    ...(getFips() === 1 ? checksumHeader(payload) : md5Header(payload)),
  };
  const { body } = await client.send({ method: "POST", query: [["delete", ""]], headers, payload, signal });
  return failuresIn(documentOf(body, "DeleteResult"), keys);
}

function failuresIn(xml: string, keys: readonly Key[]): readonly RemoveFailure[] {
  return [...blocksOf(xml, "Error")].flatMap((block) => {
    const [name, code = "InternalError"] = [textOf(block, "Key"), textOf(block, "Code")];
    const key = keys.find((each) => each === name);
    if (key === undefined) throw malformedAnswer();
    return code === "NoSuchKey" ? [] : [{ key, error: errorOfEntry(code) }];
  });
}

function errorOfEntry(code: string): ServiceError {
  return answerError({ status: code === "AccessDenied" ? 403 : 500, reason: code });
}

async function removeEach(
  access: S3Access,
  keys: readonly Key[],
  options: CallOptions,
): Promise<readonly RemoveFailure[]> {
  const removal = { ...options, ifMatch: undefined };
  const failures = await inParallel(keys, removalsAtOnce, (key) =>
    removeBlindly(access, key, removal).then(
      () => [],
      (error: unknown) => [{ key, error }],
    ),
  );
  options.signal?.throwIfAborted();
  return failures.flat();
}

async function removeBlindly(
  { client, traits }: S3Access,
  key: Key,
  { ifMatch, signal }: RemoveOptions,
): Promise<void> {
  const headers = conditionHeaders({ ifAbsent: false, ifMatch }, traits);
  try {
    await client.remove({ method: "DELETE", key, headers, signal });
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function isMissing(error: unknown): boolean {
  return isAbsent(error) && error.reason !== "NoSuchBucket";
}
