import { algorithmOf, type Checksum, type ChecksumAlgorithm, ChecksumBuilder } from "../contract/checksum.js";
import { isSameDescription } from "../contract/description.js";
import { StorageError } from "../contract/error.js";
import type { FileDetails } from "../options.js";
import type { Storage } from "../storage.js";

/** The two ends of a transfer. */
export interface Ends {
  readonly source: Storage;
  readonly target: Storage;
}

export interface CompareOptions {
  /** Read the target's content even when its checksum is known. */
  readonly isRead: boolean;
  readonly signal: AbortSignal;
}

/** The object at both ends, when it is the same there. */
export interface SameFile {
  readonly source: FileDetails;
  readonly target: FileDetails;
}

/**
 * Compares one object at both ends: size, content type, file name, metadata, and the checksum of the content. Where
 * an end knows no checksum, or one of another algorithm, its content is read.
 *
 * @returns `undefined` when they differ, or when the target has none that could be read.
 * @throws StorageError when the source cannot be read.
 */
export async function findSame(
  ends: Ends,
  key: string,
  options: CompareOptions,
): Promise<SameFile | undefined> {
  const { signal } = options;
  const [source, target] = await Promise.all([
    ends.source.getMetadata(key, { signal }),
    unlessUnusable(() => ends.target.getMetadata(key, { signal })),
  ]);
  if (target === undefined || source.size !== target.size) return undefined;
  if (!isSameDescription(source, target)) return undefined;
  return (await haveSameContent(ends, { source, target }, options)) ? { source, target } : undefined;
}

async function haveSameContent(
  ends: Ends,
  { source, target }: SameFile,
  { isRead, signal }: CompareOptions,
): Promise<boolean> {
  const algorithm = algorithmOf(source.checksum ?? target.checksum ?? "crc32:");
  const actual = await unlessUnusable(
    async () =>
      knownChecksum(target, algorithm, !isRead) ?? readChecksum(ends.target, target, algorithm, signal),
  );
  if (actual === undefined) return false;
  const expected = knownChecksum(source, algorithm, true);
  return actual === (expected ?? (await readChecksum(ends.source, source, algorithm, signal)));
}

function knownChecksum(
  { checksum }: FileDetails,
  algorithm: ChecksumAlgorithm,
  isEnough: boolean,
): Checksum | undefined {
  return isEnough && checksum !== undefined && algorithmOf(checksum) === algorithm ? checksum : undefined;
}

async function readChecksum(
  storage: Storage,
  { key, etag }: FileDetails,
  algorithm: ChecksumAlgorithm,
  signal: AbortSignal,
): Promise<Checksum> {
  const { body } = await storage.open(key, { ifMatch: etag, signal });
  const builder = new ChecksumBuilder(algorithm);
  for await (const piece of body) builder.update(piece);
  return builder.digest();
}

/** What is missing, damaged or being replaced at the target is written again, so it is no failure. */
async function unlessUnusable<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof StorageError && unusable.has(error.code)) return undefined;
    throw error;
  }
}

const unusable: ReadonlySet<string> = new Set(["not_found", "corrupt", "precondition_failed"]);
