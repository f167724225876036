import { closeSync, copyFile, existsSync, constants as fsConstants, openSync, unlink } from "node:fs";
import { promisify } from "node:util";
import type { CallOptions } from "../../../contract/backend.js";
import { piecesOf } from "../../../contract/opened.js";
import { readFlags } from "../disk/files.js";
import { checkOwnFolders } from "../disk/folders.js";
import { OpenFile } from "../read/open-file.js";
import type { Store } from "../store.js";
import { BodyReader } from "./body-reader.js";
import { TempFile } from "./temp-file.js";
import { writeTemp } from "./write-temp.js";

const copyPath = promisify(copyFile);
const unlinkPath = promisify(unlink);

/** Below this it costs more to find out whether blocks can be shared than to copy them. */
const minCloneBytes = 1024 * 1024;
const hasDescriptorNames = existsSync("/proc/self/fd");

/** Copies an open body into a temporary file, sharing blocks where the file system can. Closes `fd`. */
export async function copyToTemp(
  store: Store,
  fd: number,
  size: number,
  { signal, onProgress }: CallOptions,
): Promise<TempFile> {
  const cloned = size >= minCloneBytes && hasDescriptorNames ? await tryClone(store, fd) : undefined;
  if (cloned !== undefined) {
    closeSync(fd);
    return cloned;
  }
  const source = new OpenFile(fd, { start: 0, end: size }, signal);
  return writeTemp(store, new BodyReader(piecesOf(source), signal), { onProgress }).finally(() =>
    source.close(),
  );
}

/** The name of a descriptor leads to the very file that is open. Most file systems cannot share blocks. */
async function tryClone(store: Store, fd: number): Promise<TempFile | undefined> {
  let at: string | undefined;
  try {
    checkOwnFolders(store, [store.layout.temps]);
    const path = store.newTemp();
    at = store.guard.at(path);
    await copyPath(`/proc/self/fd/${fd}`, at, fsConstants.COPYFILE_FICLONE_FORCE | fsConstants.COPYFILE_EXCL);
    return TempFile.ofClone(path, openSync(at, readFlags), store.sync);
  } catch {
    // A folder that cannot be used fails the plain copy too, which then closes the source.
    if (at !== undefined) await unlinkPath(at).catch(() => undefined);
    return undefined;
  }
}
