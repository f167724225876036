import { randomBytes } from "node:crypto";
import { abortable } from "../../contract/abortable.js";
import type { Body, CallOptions, ObjectDescription, ObjectStat } from "../../contract/backend.js";
import type { Checksum } from "../../contract/checksum.js";
import { type Chunk, chunksOf } from "../../contract/chunks.js";
import { descriptionOf } from "../../contract/description.js";
import type { Key } from "../../contract/key.js";
import { refusal, ServiceError } from "../../contract/service-error.js";
import type { CloudinaryAccess } from "./access.js";
import { type Asset, contextOf, parseAsset, statOf } from "./asset.js";
import type { Parameters } from "./client.js";
import { type Context, contextParameter } from "./context.js";
import type { AssetAddress } from "./public-id.js";

/** Stands for an empty file, which Cloudinary refuses. */
const placeholder = Buffer.from("\n");

/** What identifies an upload, and what it does with what was there. */
export function uploadParameters({ publicId }: AssetAddress, context: Context): Parameters {
  return {
    public_id: publicId,
    type: "authenticated",
    overwrite: "true",
    invalidate: "true",
    context: contextParameter(context),
  };
}

/**
 * The asset that was stored, as the answer of its upload tells it.
 *
 * @throws ServiceError when it was stored in another way, as upload presets of the account can do.
 */
function parseStored(json: unknown, address: AssetAddress, context: Context): Asset {
  const asset = parseAsset(json);
  if (asset.publicId === address.publicId) return { ...asset, context };
  throw new ServiceError("invalid_key", "Cloudinary keeps this key under another name");
}

/** Writes an object, all or nothing. */
export async function writeObject(
  access: CloudinaryAccess,
  key: Key,
  body: Body,
  options: ObjectDescription & CallOptions,
): Promise<ObjectStat> {
  options.signal?.throwIfAborted();
  return new Upload(access, key, body, options).run();
}

/** One upload: in one request when it fits, else in chunks of which the last one publishes all. */
class Upload {
  readonly #key: Key;
  readonly #address: AssetAddress;
  readonly #body: Body;
  readonly #access: CloudinaryAccess;
  readonly #options: ObjectDescription & CallOptions;
  readonly #id = randomBytes(18).toString("hex");
  #sentBytes = 0;

  constructor(access: CloudinaryAccess, key: Key, body: Body, options: ObjectDescription & CallOptions) {
    this.#access = access;
    this.#key = key;
    this.#address = access.ids.addressOf(key);
    this.#body = body;
    this.#options = options;
  }

  async run(): Promise<ObjectStat> {
    const { signal } = this.#options;
    const { chunkBytes } = this.#access;
    const context = this.#context(crc32Of(this.#body), false);
    // Before the first byte moves: what cannot be described is not stored.
    contextParameter(context);
    for await (const chunk of chunksOf(abortable(this.#body.open(), signal), chunkBytes)) {
      if (this.#sentBytes === 0 && chunk.isLast) return this.#sendAtOnce(chunk);
      const answer = await this.#sendChunk(chunk, context);
      if (chunk.isLast) return this.#finish(answer, context, this.#sentBytes);
    }
    throw new Error("content without a last chunk");
  }

  #sendAtOnce({ pieces, size }: Chunk): Promise<ObjectStat> {
    if (size === 0) return this.#sendEmpty();
    return this.#sendWhole(pieces, size, this.#context(this.#body.checksum(), false));
  }

  #sendEmpty(): Promise<ObjectStat> {
    if (this.#address.resourceType !== "raw") {
      throw refusal("unsupported_type", "Cloudinary keeps no empty images and videos");
    }
    return this.#sendWhole([placeholder], placeholder.length, this.#context(this.#body.checksum(), true));
  }

  async #sendWhole(pieces: readonly Uint8Array[], size: number, context: Context): Promise<ObjectStat> {
    return this.#finish(await this.#send(pieces, context, {}, true), context, size);
  }

  async #sendChunk({ pieces, size, isLast }: Chunk, context: Context): Promise<unknown> {
    const start = this.#sentBytes;
    this.#sentBytes += size;
    const total = isLast ? this.#sentBytes : (this.#body.size ?? -1);
    const headers = {
      "x-unique-upload-id": this.#id,
      "content-range": `bytes ${start}-${this.#sentBytes - 1}/${total}`,
    };
    return this.#send(pieces, context, headers, isLast);
  }

  #send(
    file: readonly Uint8Array[],
    context: Context,
    headers: Parameters,
    commits: boolean,
  ): Promise<unknown> {
    const { signal, onProgress } = this.#options;
    const path = `${this.#address.resourceType}/upload` as const;
    const parameters = uploadParameters(this.#address, context);
    return this.#access.client.upload({ path, parameters, file, headers, commits, signal, onProgress });
  }

  #finish(answer: unknown, context: Context, sentBytes: number): ObjectStat {
    const asset = parseStored(answer, this.#address, context);
    if (asset.bytes === sentBytes) return statOf(this.#key, asset);
    const message = "Cloudinary changed the file as it came; look at the upload presets of the account";
    throw new ServiceError("configuration", message);
  }

  #context(checksum: Checksum | undefined, isEmpty: boolean): Context {
    const { ids } = this.#access;
    const longKey = ids.isLong(this.#key) ? this.#key : undefined;
    return contextOf({ ...descriptionOf(this.#options), longKey, checksum, isEmpty });
  }
}

/** Where it is known before the first byte. */
function crc32Of({ expected }: Body): Checksum | undefined {
  return expected?.startsWith("crc32:") ? expected : undefined;
}
