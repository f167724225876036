import type { ListedFile } from "../options.js";

/** An object of the source, and what the target's listing has under its key. */
export interface FilePair {
  readonly source: ListedFile;
  readonly target: ListedFile | undefined;
}

/**
 * Walks two listings side by side, each in the order of its keys, and so tells with one pass and no question
 * per object what is at the target already.
 */
export async function* pairFiles(
  source: AsyncIterable<ListedFile>,
  target: AsyncIterable<ListedFile>,
): AsyncGenerator<FilePair> {
  const others = target[Symbol.asyncIterator]();
  try {
    let other = await next(others);
    for await (const file of source) {
      while (other !== undefined && other.key < file.key) other = await next(others);
      yield { source: file, target: other?.key === file.key ? other : undefined };
    }
  } finally {
    await others.return?.();
  }
}

async function next(files: AsyncIterator<ListedFile>): Promise<ListedFile | undefined> {
  const { done, value } = await files.next();
  return done ? undefined : value;
}
