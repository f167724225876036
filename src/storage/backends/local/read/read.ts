import { closeSync, readSync } from "node:fs";
import type { ReadOptions } from "../../../contract/backend.js";
import { type Span, spanIn } from "../../../contract/range.js";
import { ServiceError } from "../../../contract/service-error.js";
import { conditionFailed } from "../disk/disk-error.js";
import type { ObjectRecord } from "../record/record.js";
import type { Store } from "../store.js";
import { type OpenBody, openObject } from "./find.js";

/** Content up to this size is read or written in one go, which takes less time than to hand it to the thread pool. */
export const maxSmallBytes: number = 64 * 1024;

/** An object that was read, or opened when it is too large to be read at once. */
export type ReadAnswer = Span & { readonly record: ObjectRecord } & (
    | { readonly bytes: Uint8Array<ArrayBuffer> }
    | { readonly fd: number }
  );

/** Opens an object, and reads at once a span of up to {@link maxSmallBytes}. The caller closes the descriptor. */
export async function readObject(
  store: Store,
  key: string,
  { range, ifMatch }: Pick<ReadOptions, "range" | "ifMatch">,
): Promise<ReadAnswer> {
  const { fd, file, record } = await openVersion(store, key, ifMatch);
  let isHandedOver = false;
  try {
    const span = spanIn(range, file.size);
    isHandedOver = span.end - span.start > maxSmallBytes;
    return isHandedOver ? { record, ...span, fd } : { record, ...span, bytes: readSpan(fd, span) };
  } finally {
    if (!isHandedOver) closeSync(fd);
  }
}

/** Opens an object if it has the version that is asked for. */
export async function openVersion(store: Store, key: string, ifMatch: string | undefined): Promise<OpenBody> {
  const opened = await openObject(store, key);
  if (ifMatch === undefined || ifMatch === opened.record.version) return opened;
  closeSync(opened.fd);
  throw conditionFailed();
}

/** Memory of its own, as it belongs to the caller. */
function readSpan(fd: number, { start, end }: Span): Uint8Array<ArrayBuffer> {
  const bytes = Buffer.allocUnsafeSlow(end - start);
  let position = start;
  while (position < end) {
    const length = readSync(fd, bytes, position - start, end - position, position);
    if (length === 0) throw new ServiceError("corrupt", "the file became shorter while it was read");
    position += length;
  }
  return bytes;
}
