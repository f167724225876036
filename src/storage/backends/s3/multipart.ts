import type { CallOptions, UploadedPart, WriteConditions } from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import type { S3Access } from "./access.js";
import { conditionHeaders } from "./conditions.js";
import type { SentDescription } from "./headers/kept-headers.js";
import { objectHeaders } from "./headers/object-headers.js";
import { bareEtag } from "./headers/version.js";
import type { WriteMark } from "./headers/write-mark.js";
import { md5Header } from "./put.js";
import { documentOf, malformedAnswer, requiredEtag } from "./wire/answer-document.js";
import { isAbsent } from "./wire/answer-error.js";
import { type Payload, textPayload } from "./wire/payload.js";
import { blocksOf, escapeText, textOf } from "./wire/xml.js";

/** Begins an upload in parts and resolves to its id. */
export async function beginUpload(
  { client, traits, encryption }: S3Access,
  key: Key,
  description: SentDescription & CallOptions,
  mark: WriteMark,
): Promise<string> {
  const headers = { ...objectHeaders(description, mark, traits), ...encryption.create };
  const { signal } = description;
  // Waited for, since an upload whose id was not heard could not be dropped.
  const { body } = await client.send({
    method: "POST",
    key,
    query: [["uploads", ""]],
    headers,
    signal,
    commits: true,
  });
  const id = textOf(documentOf(body, "InitiateMultipartUploadResult"), "UploadId") ?? "";
  if (id === "") throw malformedAnswer();
  return id;
}

/** Writes one part. */
export async function sendPart(
  { client, traits, encryption }: S3Access,
  key: Key,
  uploadId: string,
  number: number,
  payload: Payload,
  { signal, onProgress }: CallOptions,
): Promise<UploadedPart> {
  const { headers } = await client.send({
    method: "PUT",
    key,
    query: partQuery(uploadId, number),
    headers: { ...encryption.access, ...(traits.checksums ? md5Header(payload) : {}) },
    payload,
    signal,
    onProgress,
  });
  return { number, etag: requiredEtag(headers.etag), size: payload.size };
}

/** What names one part in a query. */
export function partQuery(uploadId: string, number: number): readonly (readonly [string, string])[] {
  return [
    ["partNumber", String(number)],
    ["uploadId", uploadId],
  ];
}

/** Makes the parts an object and resolves to the service's ETag. */
export async function joinParts(
  { client, traits, encryption }: S3Access,
  key: Key,
  uploadId: string,
  parts: readonly UploadedPart[],
  options: CallOptions & WriteConditions,
): Promise<string> {
  const { signal, onProgress } = options;
  const { body } = await client.send({
    method: "POST",
    key,
    query: [["uploadId", uploadId]],
    headers: {
      "content-type": "application/xml",
      ...conditionHeaders(options, traits),
      ...encryption.access,
    },
    payload: textPayload(listOf(parts)),
    signal,
    onProgress,
    commits: true,
  });
  // Ceph leaves it out.
  return bareEtag(textOf(documentOf(body, "CompleteMultipartUploadResult"), "ETag"));
}

/** The parts that the service has, in the order of their numbers. */
export async function partsOfUpload(
  { client }: S3Access,
  key: Key,
  uploadId: string,
  signal: AbortSignal | undefined,
): Promise<readonly UploadedPart[]> {
  const parts: UploadedPart[] = [];
  for (;;) {
    const after = parts.at(-1)?.number ?? 0;
    const query = [
      ["part-number-marker", String(after)],
      ["uploadId", uploadId],
    ] as const;
    const { body } = await client.send({ method: "GET", key, query, signal });
    const xml = documentOf(body, "ListPartsResult");
    for (const block of blocksOf(xml, "Part")) parts.push(partIn(block));
    if (textOf(xml, "IsTruncated") !== "true") return parts;
    // The same page again would go on for ever.
    if ((parts.at(-1)?.number ?? 0) <= after) throw malformedAnswer();
  }
}

function partIn(block: string): UploadedPart {
  const [number, size] = [Number(textOf(block, "PartNumber")), Number(textOf(block, "Size") || Number.NaN)];
  if (!Number.isSafeInteger(number) || !Number.isSafeInteger(size)) throw malformedAnswer();
  return { number, etag: bareEtag(textOf(block, "ETag")), size };
}

/** Drops an upload with its parts. One that is not there is dropped already. */
export async function dropUpload(
  { client }: S3Access,
  key: Key,
  uploadId: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await client.remove({ method: "DELETE", key, query: [["uploadId", uploadId]], signal });
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

/** Whether the service knows the upload. */
export async function hasUpload(
  { client }: S3Access,
  key: Key,
  uploadId: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    const query = [
      ["max-parts", "1"],
      ["uploadId", uploadId],
    ] as const;
    documentOf((await client.send({ method: "GET", key, query, signal })).body, "ListPartsResult");
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

function listOf(parts: readonly UploadedPart[]): string {
  const entries = parts.map(
    ({ number, etag }) => `<Part><PartNumber>${number}</PartNumber><ETag>"${escapeText(etag)}"</ETag></Part>`,
  );
  return `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${entries.join("")}</CompleteMultipartUpload>`;
}
