import { checkOwnFolders } from "../disk/folders.js";
import type { Store } from "../store.js";
import type { BodyReader } from "./body-reader.js";
import { TempFile } from "./temp-file.js";

/**
 * Streams a body into a temporary file, which is removed again when that fails. The next pieces are gathered while
 * the last ones are written.
 */
export async function writeTemp(
  store: Store,
  reader: BodyReader,
  { first = [], onProgress }: { first?: readonly Uint8Array[]; onProgress?: (() => void) | undefined },
): Promise<TempFile> {
  let file: TempFile | undefined;
  let writing: Promise<void> | undefined;
  try {
    checkOwnFolders(store, [store.layout.temps]);
    const path = store.newTemp();
    file = await TempFile.create(path, store.guard.at(path), store.sync);
    writing = file.write(first, onProgress);
    while (!reader.isDone) {
      const [pieces] = await Promise.all([reader.next(), writing]);
      writing = file.write(pieces, onProgress);
    }
    await writing;
    return file;
  } catch (error) {
    reader.stop();
    // A descriptor must not be closed under a write.
    await writing?.catch(() => undefined);
    await file?.discard();
    throw error;
  }
}
