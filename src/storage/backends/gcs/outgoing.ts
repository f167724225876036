import type { Bytes, CallOptions } from "../../contract/backend.js";
import type { Cancellation } from "../../contract/cancellation.js";

/** Pieces on their way out; the moment before the last one goes is told. */
export async function* outgoing(
  pieces: Iterable<Uint8Array>,
  cancellation: Cancellation | undefined,
  { onProgress }: CallOptions,
): Bytes {
  let held: Uint8Array | undefined;
  for (const piece of pieces) {
    if (held !== undefined) {
      yield held;
      onProgress?.();
    }
    held = piece;
  }
  cancellation?.sent();
  if (held !== undefined) yield held;
}
