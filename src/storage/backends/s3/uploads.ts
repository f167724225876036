import type {
  Body,
  CallOptions,
  ObjectDescription,
  ObjectStat,
  UploadedPart,
  WriteConditions,
} from "../../contract/backend.js";
import { BackendUnavailableError } from "../../contract/error.js";
import type { Key } from "../../contract/key.js";
import { sendAgain } from "../../contract/send-again.js";
import { noUpload } from "../../contract/service-error.js";
import type { S3Access } from "./access.js";
import { checkVersion } from "./conditions.js";
import { parseVersion } from "./headers/version.js";
import { beginUpload, dropUpload, hasUpload, joinParts, partsOfUpload, sendPart } from "./multipart.js";
import { partPayload } from "./part-payload.js";
import { statObject, statWritten } from "./stat.js";
import { formatUploadId, parseUploadId, type UploadId } from "./upload-id.js";
import { addressVariables, isAbsent } from "./wire/answer-error.js";
import { isReplayable } from "./wire/payload.js";

/** Begins an upload that callers write part by part. */
export async function createUpload(
  access: S3Access,
  key: Key,
  description: ObjectDescription & CallOptions,
): Promise<string> {
  const mark = access.marks.later(undefined);
  return formatUploadId(await beginUpload(access, key, description, mark), mark.id);
}

/** Writes one part of it. */
export async function writePart(
  access: S3Access,
  key: Key,
  uploadId: string,
  number: number,
  body: Body,
  options: CallOptions,
): Promise<UploadedPart> {
  const id = knownId(uploadId);
  if (access.traits.reopensUploads) await checkIncomplete(access, key, id, options);
  const payload = await partPayload(body, options.signal);
  const send = () => sendPart(access, key, id.ofService, number, payload, options);
  // A layer further out can send bytes again, but cannot read a stream again.
  if (body.bytes !== undefined || !isReplayable(payload)) return send();
  return sendAgain(send, { signal: options.signal, addressVariables });
}

/** The parts that have been written of it. */
export async function listParts(
  access: S3Access,
  key: Key,
  uploadId: string,
  options: CallOptions,
): Promise<readonly UploadedPart[]> {
  const id = knownId(uploadId);
  if (access.traits.reopensUploads) await checkIncomplete(access, key, id, options);
  try {
    return await partsOfUpload(access, key, id.ofService, options.signal);
  } catch (error) {
    throw isAbsent(error) ? noUpload() : error;
  }
}

/** Makes it an object. */
export async function completeUpload(
  access: S3Access,
  key: Key,
  uploadId: string,
  parts: readonly UploadedPart[],
  options: CallOptions & WriteConditions,
): Promise<ObjectStat> {
  const id = knownId(uploadId);
  await checkVersion(access, key, options);
  // Services answer a completion that is repeated as if it had just been done.
  if (access.traits.reopensUploads) await checkIncomplete(access, key, id, options);
  if (!(await hasUpload(access, key, id.ofService, options.signal))) throw noUpload();
  await joinParts(access, key, id.ofService, parts, options);
  const made = await statWritten(access, key, id.writeId);
  if (made === undefined) throw notSeen();
  return made;
}

/** Drops it; an unknown upload counts as dropped. */
export async function abortUpload(
  access: S3Access,
  key: Key,
  uploadId: string,
  { signal }: CallOptions,
): Promise<void> {
  const id = parseUploadId(uploadId);
  if (id !== undefined) await dropUpload(access, key, id.ofService, signal);
}

function knownId(uploadId: string): UploadId {
  const id = parseUploadId(uploadId);
  if (id === undefined) throw noUpload();
  return id;
}

/** An upload that is complete is the object that has its mark. */
async function checkIncomplete(
  access: S3Access,
  key: Key,
  { writeId }: UploadId,
  options: CallOptions,
): Promise<void> {
  try {
    const { etag } = await statObject(access, key, options);
    if (writeId === undefined || parseVersion(etag).writeId !== writeId) return;
  } catch (error) {
    if (isAbsent(error)) return;
    throw error;
  }
  throw noUpload();
}

/** It is done: this must be taken neither for a refusal to do it nor for something that repeating would help. */
function notSeen(): BackendUnavailableError {
  const message = "the upload is complete, but its object cannot be seen, or was replaced at once";
  return new BackendUnavailableError({ message });
}
