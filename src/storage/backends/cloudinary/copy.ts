import { verified } from "../../content/verified.js";
import type { Body, Bytes, CopyOptions, ObjectStat, OpenedObject } from "../../contract/backend.js";
import { type Checksum, ChecksumBuilder } from "../../contract/checksum.js";
import { CorruptObjectError } from "../../contract/error.js";
import type { Key } from "../../contract/key.js";
import { readAsset } from "./read.js";
import { Upload, type UploadOptions } from "./write.js";

const maxAttempts = 3;

/**
 * A copy, whose bytes pass here. Cloudinary has no call that copies, and could upload from the source's own address;
 * but if the source were replaced meanwhile, the target would already be wrong when that is found out.
 */
export async function copyAsset(
  from: Key,
  to: Key,
  call: UploadOptions & Pick<CopyOptions, "sourceIfMatch">,
): Promise<ObjectStat> {
  for (let attempt = 1; ; attempt++) {
    const source = await readAsset(from, { ...call, range: undefined, ifMatch: call.sourceIfMatch });
    try {
      return await new Upload(to, new CopiedBody(source), source.stat, call).run();
    } catch (error) {
      // Nothing has been stored: the bytes were of another version than the description.
      if (!(error instanceof CorruptObjectError) || attempt === maxAttempts) throw error;
      call.onProgress?.();
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
    for await (const piece of verified(this.#source)) {
      this.#crc.update(piece);
      yield piece;
    }
  }

  checksum(): Checksum {
    return this.#crc.digest();
  }
}
