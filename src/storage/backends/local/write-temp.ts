import { checkOwnFolder } from "./folders.js";
import type { Incoming } from "./incoming.js";
import type { Store } from "./store.js";
import { TempFile } from "./temp-file.js";

/**
 * Streams all of it into a temporary file, which is gone again when that fails. The next pieces are gathered while the
 * last ones are written.
 */
export async function writeTemp(
  store: Store,
  incoming: Incoming,
  { first = [], onProgress }: { first?: readonly Uint8Array[]; onProgress?: (() => void) | undefined },
): Promise<TempFile> {
  let file: TempFile | undefined;
  let writing: Promise<void> | undefined;
  try {
    await checkOwnFolder(store, store.layout.temps);
    file = await TempFile.create(store.newTemp());
    writing = file.write(first, onProgress);
    while (!incoming.isDone) {
      const [pieces] = await Promise.all([incoming.next(), writing]);
      writing = file.write(pieces, onProgress);
    }
    await writing;
    return file;
  } catch (error) {
    incoming.stop();
    // A descriptor must not be closed under a write.
    await writing?.catch(() => undefined);
    await file?.discard();
    throw error;
  }
}
