import type {
  Body,
  CallOptions,
  ObjectDescription,
  ObjectStat,
  UploadedPart,
  WriteConditions,
} from "../../contract/backend.js";
import type { Checksum } from "../../contract/checksum.js";
import type { Key } from "../../contract/key.js";
import { type AzureError, isFailure, refusal } from "./azure-error.js";
import type { BlockPool } from "./block-pool.js";
import { BlockUpload, blockIds, newScope } from "./block-upload.js";
import type { AzureService } from "./client.js";
import { combineCrc32 } from "./combine-crc32.js";
import { type PartFacts, readTag, writeTag } from "./part-tag.js";
import { createRecord, findRecord, notedParts, notePart, removeRecord } from "./upload-record.js";
import { publishBlocks } from "./write.js";

/**
 * Uploads in parts. A part is blocks of the object itself, and its ETag says which; the service knows no uploads, so a
 * record of ours tells which are under way.
 */
export class Uploads {
  readonly #service: AzureService;
  readonly #pool: BlockPool;

  constructor(service: AzureService, pool: BlockPool) {
    this.#service = service;
    this.#pool = pool;
  }

  create(key: Key, options: ObjectDescription & CallOptions): Promise<string> {
    return createRecord(this.#service, key, options);
  }

  async write(key: Key, id: string, number: number, body: Body, options: CallOptions): Promise<UploadedPart> {
    const { secret } = await findRecord(this.#service, key, id, options);
    const scope = newScope();
    const upload = new BlockUpload(this.#service, key, { ...options, pool: this.#pool, scope });
    try {
      const last = await upload.sendAllButLast(body.open());
      const size = upload.count * this.#pool.blockBytes + last.length;
      const crc = crcOf(body.checksum());
      // The service takes no empty block, and an empty part adds nothing.
      if (size > 0) await upload.send(last);
      const { length: blocks } = await upload.arrived();
      const part = { number, etag: writeTag(secret, number, { scope, blocks, size, crc }), size };
      await notePart(this.#service, id, part, options);
      return part;
    } catch (error) {
      upload.cancel();
      throw error;
    }
  }

  async list(key: Key, id: string, options: CallOptions): Promise<readonly UploadedPart[]> {
    await findRecord(this.#service, key, id, options);
    return notedParts(this.#service, id, options);
  }

  async complete(
    key: Key,
    id: string,
    parts: readonly UploadedPart[],
    options: CallOptions & WriteConditions,
  ): Promise<ObjectStat> {
    const { description, secret } = await findRecord(this.#service, key, id, options);
    const facts = parts.map((part, index) => {
      if (part.number <= (parts[index - 1]?.number ?? 0)) throw wrongPart("the parts are not in order");
      return readTag(secret, part) ?? fail(wrongPart(`there is no such part ${part.number}`));
    });
    const content = { ids: facts.flatMap(({ scope, blocks }) => blockIds(scope, blocks)), ...joined(facts) };
    const stat = await publishBlocks(this.#service, key, { ...description, ...options, ...content });
    // It is published: what stays behind is of no consequence.
    await removeRecord(this.#service, id, { signal: undefined }).catch(() => undefined);
    return stat;
  }

  /** The blocks are thrown away by the service when another write of the key is published, or after a week. */
  async abort(key: Key, id: string, options: CallOptions): Promise<void> {
    try {
      await findRecord(this.#service, key, id, options);
      await removeRecord(this.#service, id, options);
    } catch (error) {
      if (!isFailure(error, "not_found")) throw error;
    }
  }
}

function joined(facts: readonly PartFacts[]): { readonly size: number; readonly checksum: Checksum } {
  let size = 0;
  let crc = 0;
  for (const part of facts) {
    size += part.size;
    crc = combineCrc32(crc, part.crc, part.size);
  }
  return { size, checksum: `crc32:${crc.toString(16).padStart(8, "0")}` };
}

function crcOf(checksum: Checksum): number {
  return Number.parseInt(checksum.slice("crc32:".length), 16);
}

function wrongPart(message: string): AzureError {
  return refusal("invalid_argument", message);
}

function fail(error: AzureError): never {
  throw error;
}
