import type { StorageBackend, UploadedPart } from "../contract/backend.js";
import { InvalidArgumentError } from "../contract/error.js";
import type { Completion } from "./completion.js";
import { codeOf, type Lease } from "./lease.js";
import { contentKey } from "./staging.js";

/** Joins what came in parts to the content of an upload, unless a call before this one did. */
export async function joinParts(
  backend: StorageBackend,
  id: string,
  lease: Lease,
  { given, signal }: Pick<Completion, "given" | "signal">,
): Promise<void> {
  const { uploadId } = lease;
  if (uploadId === undefined) return;
  const at = contentKey(id);
  try {
    const parts = given ?? (await backend.listParts(at, uploadId, { signal }));
    // Azure may still know an upload whose parts are joined; they are not listed any more.
    if (parts.length === 0 && (await isThere())) return;
    if (given === undefined) checkAll(parts, lease);
    await backend.completeUpload(at, uploadId, parts, { ifAbsent: false, ifMatch: undefined, signal });
  } catch (error) {
    if (codeOf(backend, error) !== "not_found") throw error;
  }

  async function isThere(): Promise<boolean> {
    return backend.stat(at, { signal }).then(
      () => true,
      (error: unknown) => (codeOf(backend, error) === "not_found" ? false : Promise.reject(error)),
    );
  }
}

/** @throws InvalidArgumentError naming the first part that is missing. */
function checkAll(parts: readonly UploadedPart[], { parts: count = 0 }: Lease): void {
  const missing = parts.findIndex(({ number }, index) => number !== index + 1);
  if (missing < 0 && parts.length === count) return;
  const number = missing >= 0 ? missing + 1 : Math.min(parts.length, count) + 1;
  throw new InvalidArgumentError({ message: `part ${number} of ${count} has not arrived` });
}
