import type { Bytes, CallOptions } from "../../backend.js";
import type { Commit } from "./commit.js";

/** Pieces on their way out; the moment before the last one goes is told. */
export async function* outgoing(
  pieces: Iterable<Uint8Array>,
  commit: Commit | undefined,
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
  commit?.sent();
  if (held !== undefined) yield held;
}
