import { send } from "./send.js";

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
  /** Cancels the upload; nothing of it is stored then. */
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
 * Uploads a file from a page to a service with `addStorage`.
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
  return uploadForm(file, options);
}

/** As a form does it: the bytes go through the service. */
async function uploadForm(
  file: Blob,
  { endpoint, key, onProgress, signal, headers }: UploadOptions,
): Promise<UploadedFile> {
  const body = new FormData();
  if (key !== undefined) body.append("key", key);
  body.append("file", file);
  const total = file.size;
  // The form around the file counts as sent with it.
  const onSent = (bytes: number) => onProgress?.({ sent: Math.min(bytes, total), total });
  const url = `${endpoint}/upload`;
  const { responseText } = await send({ method: "POST", url, headers, body, signal, onSent });
  return JSON.parse(responseText);
}
