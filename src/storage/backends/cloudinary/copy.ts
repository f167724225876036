import { VerifiedReader } from "../../content/verified-reader.js";
import type { Body, Bytes, CopyOptions, ObjectStat, OpenedObject } from "../../contract/backend.js";
import { type Checksum, ChecksumBuilder } from "../../contract/checksum.js";
import { CorruptObjectError } from "../../contract/error.js";
import type { Key } from "../../contract/key.js";
import { piecesOf } from "../../contract/opened.js";
import type { CloudinaryAccess } from "./access.js";
import { readObject } from "./read.js";
import { writeObject } from "./write.js";

const maxAttempts = 3;

/**
 * A copy, whose bytes pass here. Cloudinary has no call that copies, and could upload from the source's own address;
 * but if the source were replaced meanwhile, the target would already be wrong when that is found out.
 */
export async function copyObject(
  access: CloudinaryAccess,
  from: Key,
  to: Key,
  { sourceIfMatch, description, signal, onProgress }: CopyOptions,
): Promise<ObjectStat> {
  for (let attempt = 1; ; attempt++) {
    const source = await readObject(access, from, {
      range: undefined,
      ifMatch: sourceIfMatch,
      signal,
      onProgress,
    });
    try {
      return await writeObject(access, to, new CopiedBody(source), {
        ...source.stat,
        ...description,
        signal,
        onProgress,
      });
    } catch (error) {
      // Nothing has been stored: the bytes were of another version than the description.
      if (!(error instanceof CorruptObjectError) || attempt === maxAttempts) throw error;
      onProgress?.();
    } finally {
      await source.close();
    }
  }
}

/** The content of an object, which fails before its last piece where it is not what was described. */
class CopiedBody implements Body {
  readonly size: number;
  readonly bytes = undefined;
  readonly replayable = false;
  readonly expected: Checksum | undefined;
  readonly #source: OpenedObject;
  readonly #crc = new ChecksumBuilder("crc32");

  constructor(source: OpenedObject) {
    this.size = source.stat.size;
    this.expected = source.stat.checksum;
    this.#source = source;
  }

  async *open(): Bytes {
    for await (const piece of piecesOf(new VerifiedReader(this.#source))) {
      this.#crc.update(piece);
      yield piece;
    }
  }

  checksum(): Checksum {
    return this.#crc.digest();
  }
}
