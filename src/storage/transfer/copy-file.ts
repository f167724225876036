import type { Bytes } from "../contract/backend.js";
import type { Backoff } from "../contract/backoff.js";
import { algorithmOf } from "../contract/checksum.js";
import { descriptionOf } from "../contract/description.js";
import { ChecksumMismatchError, StorageError } from "../contract/error.js";
import type { FileDetails, OpenedFile, StoredFile } from "../options.js";
import type { Ends, SameFile } from "./same-file.js";

/** Content up to this size is held at once, in bytes: it can be sent again, and its checksum sent ahead. */
const maxAtOnceBytes = 1_048_576;

export interface CopyFileOptions {
  /** When to try again what may pass, beyond what the storages do themselves: a stream can be read only once. */
  readonly backoff: Backoff;
  readonly signal: AbortSignal;
  /** Called with the bytes that were copied; with less than 0 when an attempt was in vain. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Copies one object with its description, in memory that does not grow with it. What the source gives is checked
 * against its checksum before the target has its last piece, and what the target took against the same.
 *
 * @throws StorageError when one of the ends failed; the target is then as it was.
 */
export async function copyFile(ends: Ends, key: string, options: CopyFileOptions): Promise<SameFile> {
  const { backoff, signal, onBytes } = options;
  for (let attempt = 1; ; attempt++) {
    let moved = 0;
    try {
      const copied = await copyOnce(ends, key, signal, (bytes) => {
        moved += bytes;
        onBytes(bytes);
      });
      backoff.succeeded();
      return copied;
    } catch (error) {
      onBytes(-moved);
      if (!(error instanceof StorageError) || !(await backoff.pause(error, attempt, signal))) throw error;
    }
  }
}

async function copyOnce(
  { source, target }: Ends,
  key: string,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<SameFile> {
  const file = await source.open(key, { signal });
  try {
    const { size, checksum } = file;
    const content = await contentOf(file, onBytes);
    const stored = await target.put(key, content, { ...descriptionOf(file), size, checksum, signal });
    checkStored(file, stored);
    return { source: file, target: stored };
  } finally {
    await file.body.close();
  }
}

async function contentOf(file: OpenedFile, onBytes: (bytes: number) => void): Promise<Uint8Array | Bytes> {
  if (file.size > maxAtOnceBytes) return counted(file.body, onBytes);
  onBytes(file.size);
  return file.body.bytes();
}

async function* counted(body: Bytes, onBytes: (bytes: number) => void): Bytes {
  for await (const piece of body) {
    onBytes(piece.byteLength);
    yield piece;
  }
}

function checkStored(source: FileDetails, stored: StoredFile): void {
  const [sent, taken] = [source.checksum, stored.checksum];
  const isComparable = sent !== undefined && taken !== undefined && algorithmOf(sent) === algorithmOf(taken);
  if (source.size === stored.size && (!isComparable || sent === taken)) return;
  const message = `the target took ${stored.size} bytes with ${taken}, sent were ${source.size} with ${sent}`;
  throw new ChecksumMismatchError({ message, key: source.key });
}
