import { pause } from "./pause.js";
import type { PreparedUpload } from "./prepared-upload.js";
import { send } from "./send.js";
import { formOf, sendContent } from "./send-content.js";
import { UploadError } from "./upload-error.js";

/** How far an upload has come, in bytes. */
export interface UploadProgress {
  readonly sent: number;
  readonly total: number;
}

/** Options of {@link upload}. */
export interface UploadOptions {
  /** Where the management routes are, as `/_storage` or `https://files.example.com/_storage`. */
  readonly endpoint: string;
  /** Key to store it under. Default: the safe form of the file's name. */
  readonly key?: string | undefined;
  /** Called when more bytes have been sent. */
  readonly onProgress?: ((progress: UploadProgress) => void) | undefined;
  /** Cancels the upload. Nothing of it is stored, unless all bytes were sent already. */
  readonly signal?: AbortSignal | undefined;
  /** Headers for the service, as `{ authorization: "Bearer ..." }`. No provider gets to see them. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** A file that is stored. */
export interface UploadedFile {
  readonly key: string;
  /** A signed URL, or `null` where nothing serves URLs. */
  readonly url: string | null;
  /** Bytes. */
  readonly size: number;
  readonly contentType: string;
  readonly etag: string;
  readonly checksum: string | null;
}

/**
 * Uploads a file from a page to a service with `addStorage`: straight to the provider, in parts where it is large, or through
 * the service, as the service says.
 *
 * @throws UploadError when the service refuses it or cannot be reached; the signal's reason when it fires.
 * @example
 * ```ts
 * import { upload } from "svc-infra/storage/browser";
 *
 * export async function save(file: File): Promise<string> {
 *   const onProgress = ({ sent, total }: { sent: number; total: number }) => console.log(sent / total);
 *   const { key } = await upload(file, { endpoint: "/_storage", onProgress });
 *   return key;
 * }
 * ```
 */
export async function upload(file: Blob, options: UploadOptions): Promise<UploadedFile> {
  const { key, signal, onProgress } = options;
  const total = file.size;
  // A form around the file counts as sent with it.
  const onSent = (bytes: number) => onProgress?.({ sent: Math.min(bytes, total), total });
  const watching = { signal, onSent };
  const prepared = await prepare(file, options);
  if (prepared === undefined) {
    const body = formOf(file, key === undefined ? {} : { key });
    return answerOf(
      send({ ...options, ...watching, method: "POST", url: `${options.endpoint}/upload`, body }),
    );
  }
  const path = `/uploads/${prepared.id}`;
  try {
    await sendContent(file, prepared, watching);
    return await complete(options, `${path}/complete`);
  } catch (error) {
    // What has arrived is of no use, and what was stored stays; should this fail as well, its lease ends.
    const { endpoint, headers } = options;
    await send({ method: "DELETE", url: endpoint + path, headers, body: "" }).catch(() => undefined);
    throw error;
  }
}

/** How often a completion is repeated. */
const maxRetries = 3;

/** Idempotent: where the answer was lost, the next one tells the same. */
async function complete(options: UploadOptions, path: string): Promise<UploadedFile> {
  for (let turn = 0; ; turn++) {
    try {
      return await ask(options, path, {});
    } catch (error) {
      const isPassing = error instanceof UploadError && (error.status === 0 || error.status === 503);
      if (!isPassing || turn === maxRetries) throw error;
      await pause(turn, options.signal);
    }
  }
}

/** How the service wants the content; `undefined` when it wants it in a form. */
async function prepare(
  file: Blob & { readonly name?: string },
  options: UploadOptions,
): Promise<PreparedUpload | undefined> {
  const { key } = options;
  const contentType = file.type === "" ? undefined : file.type;
  try {
    return await ask(options, "/uploads", { key, filename: file.name, size: file.size, contentType });
  } catch (error) {
    if (error instanceof UploadError && error.status === 501) return undefined;
    throw error;
  }
}

function ask<Answer>(
  { endpoint, headers, signal }: UploadOptions,
  path: string,
  content: object,
): Promise<Answer> {
  const body = JSON.stringify(content);
  const json = { ...headers, "content-type": "application/json" };
  return answerOf(send({ method: "POST", url: endpoint + path, headers: json, body, signal }));
}

async function answerOf<Answer>(answer: Promise<{ readonly responseText: string }>): Promise<Answer> {
  return JSON.parse((await answer).responseText);
}
