import type { Body, Bytes, ObjectDescription } from "../../contract/backend.js";
import { type Checksum, checksumOf } from "../../contract/checksum.js";
import type { Key } from "../../contract/key.js";
import { writeRecord } from "./upload-record.js";

/** The record of an upload as content to be written. */
export class BufferedRecord implements Body {
  readonly bytes: Uint8Array;
  readonly replayable = true;

  constructor(key: Key, description: ObjectDescription) {
    this.bytes = writeRecord(key, description);
  }

  get size(): number {
    return this.bytes.byteLength;
  }

  async *open(): Bytes {
    yield this.bytes;
  }

  checksum(): Checksum {
    return checksumOf(this.bytes);
  }
}
