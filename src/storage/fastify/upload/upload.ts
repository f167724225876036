import type { FastifyRequest } from "fastify";
import { badRequest, declaredLength, HttpError, statedDigests, withDigests } from "../../../http/index.js";
import type { Content } from "../../content/content.js";
import { isContentType } from "../../content/content-type.js";
import type { Digest } from "../../content/digest-check.js";
import { limitNames } from "../../content/size-check.js";
import { isChecksum } from "../../contract/checksum.js";
import { FileNotFoundError, StorageError } from "../../contract/error.js";
import { type Key, parseKey, safeKey } from "../../contract/key.js";
import type { FileDetails, PutOptions, StoredFile } from "../../options.js";
import type { StorageFiles } from "../../storage-files.js";
import type { ByteRate } from "../byte-rate.js";
import { maxEnvelopeBytes } from "./form-entry.js";
import { decodeBytes } from "./form-parameters.js";
import { openBody } from "./open-body.js";
import { readUploadForm } from "./upload-form.js";
import { writeConditions } from "./write-conditions.js";

/** Where an upload goes, and how much it may bring. */
export interface UploadTarget {
  readonly storage: StorageFiles;
  readonly maxBytes: number;
  /** Fires when the client leaves. */
  readonly signal?: AbortSignal | undefined;
}

/** An upload whose caller has been authorized. */
export interface Upload extends UploadTarget {
  readonly request: FastifyRequest;
  readonly byteRate: ByteRate;
}

type Pairs = readonly (readonly [string, string])[];

/** True for multipart/form-data with any parameters. */
export function isForm({ headers }: FastifyRequest): boolean {
  return /^multipart\/form-data[ \t]*(?:;|$)/i.test(headers["content-type"] ?? "");
}

/**
 * Stores the body of a request under a key, as it streams in.
 *
 * @param contentType - the only type it may have; without it the request says.
 * @param metadata - the user's pairs.
 */
export async function storeBody(
  upload: Upload,
  key: string,
  description: {
    readonly contentType?: string | undefined;
    readonly metadata?: Pairs;
    readonly filename?: string | undefined;
  },
): Promise<StoredFile> {
  const { request, maxBytes, byteRate } = upload;
  const checked = parseKey(key);
  const body = await openBody(request, { maxBytes, envelopeBytes: 0, setBy: limitNames }, byteRate);
  const conditions = await writeConditions(request.headers, () => find(upload, checked));
  return putContent(upload, checked, body, {
    ...conditions,
    size: declaredLength(request.raw),
    ...checksumsOf(statedDigests(request.headers)),
    contentType: checkType(description.contentType ?? declaredType(request)),
    metadata: toRecord(description.metadata ?? []),
    filename: description.filename,
  });
}

/**
 * Stores the file of a form as it streams in.
 *
 * @param given - the key of the query; a form may name the same one, or without it any. Without both it is the safe form of the
 * file's name.
 */
export async function storeForm(upload: Upload, given: string | undefined): Promise<StoredFile> {
  const { request, maxBytes, byteRate } = upload;
  const limit = { maxBytes, envelopeBytes: maxEnvelopeBytes, setBy: limitNames };
  // The digests of a form are of all of it (RFC 9530 §2): its end comes only when they are right, and so does the
  // file's.
  const body = withDigests(await openBody(request, limit, byteRate), statedDigests(request.headers));
  const form = await readUploadForm(body, request.headers["content-type"] ?? "");
  try {
    // Whoever decides on the request has seen the key of the query.
    if (form.key !== undefined && form.key !== (given ?? form.key))
      throw badRequest("the form names another key than '?key='");
    const key = parseKey(given ?? form.key ?? keyFrom(form.filename));
    const conditions = await writeConditions(request.headers, () => find(upload, key));
    return await putContent(upload, key, form.content, {
      ...conditions,
      contentType: checkType(form.contentType),
      metadata: toRecord([...headerMetadata(request), ...form.metadata]),
      filename: form.filename,
    });
  } finally {
    form.stop();
  }
}

/** Puts content, of which HTTP may refuse a part while it streams. */
export function putContent(
  upload: UploadTarget,
  key: Key,
  content: Content,
  options: PutOptions,
): Promise<StoredFile> {
  const { storage, maxBytes, signal } = upload;
  return unwrapped(storage.put(key, content, { ...options, maxBytes, signal }));
}

/** Where a check refused the content, that is the answer, and not the interruption of the storage that followed. */
export async function unwrapped<Answer>(writing: Promise<Answer>): Promise<Answer> {
  try {
    return await writing;
  } catch (error) {
    if (error instanceof StorageError && error.cause instanceof HttpError) throw error.cause;
    throw error;
  }
}

/** What is there under a key. */
export async function find(
  { storage, signal }: Pick<UploadTarget, "storage" | "signal">,
  key: string,
): Promise<FileDetails | undefined> {
  try {
    return await storage.getMetadata(key, { signal });
  } catch (error) {
    if (error instanceof FileNotFoundError) return undefined;
    throw error;
  }
}

/** The user's pairs in `x-meta-*` headers; values in UTF-8 or ISO 8859-1. */
export function headerMetadata({ headers }: FastifyRequest): Pairs {
  return Object.entries(headers)
    .filter(([name]) => name.startsWith("x-meta-"))
    .map(([name, value]) => [name.slice("x-meta-".length), decodeBytes(String(value))]);
}

function toRecord(pairs: Pairs): Record<string, string> {
  const names = pairs.map(([name]) => name.toLowerCase());
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw badRequest(`the metadata '${twice.slice(0, 64)}' is there twice`);
  return Object.fromEntries(pairs);
}

/** One checksum that the backend may know of too, and the rest. */
function checksumsOf(stated: readonly Digest[]): Pick<PutOptions, "checksum" | "digests"> {
  const checksum = stated.find(isChecksum);
  return { checksum, digests: stated.filter((digest) => digest !== checksum) };
}

/** The key of a file that has only a name. */
export function keyFrom(filename: string | undefined): string {
  if (filename === undefined) throw badRequest("give a 'key', in a form before the file, or the file a name");
  return safeKey(filename);
}

/** curl's word for a body that it was told nothing about is no type of a file. */
function declaredType({ headers }: FastifyRequest): string | undefined {
  const declared = headers["content-type"];
  return declared === "application/x-www-form-urlencoded" ? undefined : declared;
}

/** @throws HttpError (415) for what is no media type. */
export function checkType(contentType: string | undefined): string | undefined {
  if (contentType === undefined || isContentType(contentType)) return contentType;
  throw new HttpError(415, "unsupported_type", "the content type is not a media type");
}
