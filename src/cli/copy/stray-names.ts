import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isKey, reservedSegment } from "../../storage/contract/key.js";

/**
 * Names of files below a folder that are no keys, so that the local backend does not list them. Links, and what is
 * reserved for the backend, are left out.
 */
export async function* strayNames(folder: string, start = ""): AsyncGenerator<string> {
  for (const entry of await entriesOf(join(folder, start))) {
    const name = start + entry.name;
    if (entry.isFile() && !isKey(name)) yield name;
    const isOwn = start === "" && entry.name.toLowerCase() === reservedSegment;
    if (entry.isDirectory() && !isOwn) yield* strayNames(folder, `${name}/`);
  }
}

/** A folder that goes meanwhile holds nothing. */
async function entriesOf(path: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch {
    return [];
  }
}
