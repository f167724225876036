import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isKey, reservedSegment } from "../../storage/contract/key.js";

/** The files of a local storage, or of a part of it. */
export interface LocalFiles {
  readonly folder: string;
  /** Whether their names are keys spelled for a file system that ignores case. */
  readonly isUnfolded: boolean;
}

/**
 * Files that are no objects, so that the local backend does not list them, each by the key that its name would stand for. Links,
 * and what is reserved for the backend, are left out.
 */
export async function* strayNames({ folder, isUnfolded }: LocalFiles): AsyncGenerator<string> {
  const { keyOfUnfolded, unfoldedName } = await import("../../storage/backends/local/disk/unfolded-name.js");
  for await (const name of filesIn(folder)) {
    const key = isUnfolded ? keyOfUnfolded(name) : name;
    const isReached = !isUnfolded || unfoldedName(key) === name.toLowerCase();
    if (!isReached || !isKey(key)) yield key;
  }
}

async function* filesIn(folder: string, start = ""): AsyncGenerator<string> {
  for (const entry of await entriesOf(join(folder, start))) {
    const name = start + entry.name;
    if (entry.isFile()) yield name;
    const isOwn = start === "" && entry.name.toLowerCase() === reservedSegment;
    if (entry.isDirectory() && !isOwn) yield* filesIn(folder, `${name}/`);
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
