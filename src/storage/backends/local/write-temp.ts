import type { Incoming } from "./incoming.js";
import { TempFile } from "./temp-file.js";

/** Streams all of it into a temporary file, which is gone again when that fails. */
export async function writeTemp(
  path: string,
  incoming: Incoming,
  { first = [], onProgress }: { first?: readonly Uint8Array[]; onProgress?: (() => void) | undefined },
): Promise<TempFile> {
  let file: TempFile | undefined;
  try {
    file = await TempFile.create(path);
    await file.write(first, onProgress);
    while (!incoming.isDone) await file.write(await incoming.next(), onProgress);
    return file;
  } catch (error) {
    incoming.stop();
    await file?.discard();
    throw error;
  }
}
