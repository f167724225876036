import { randomBytes } from "node:crypto";
import { abortable } from "../../contract/abortable.js";
import type { Body, CallOptions, ObjectDescription, ObjectStat } from "../../contract/backend.js";
import type { Checksum } from "../../contract/checksum.js";
import type { Key } from "../../contract/key.js";
import { type Asset, contextOf, parseAsset, statOf } from "./asset.js";
import { type Chunk, chunksOf } from "./chunks.js";
import type { CloudinaryClient, Parameters } from "./client.js";
import { CloudinaryError, refusal } from "./cloudinary-error.js";
import { type Context, contextParameter } from "./context.js";
import type { AssetAddress, PublicIds } from "./public-id.js";

/** Stands for an empty file, which Cloudinary refuses. */
const placeholder = Buffer.from("\n");

/** What identifies an upload, and what it does with what was there. */
function uploadParameters({ publicId }: AssetAddress, context: Context): Parameters {
  return {
    public_id: publicId,
    type: "authenticated",
    overwrite: "true",
    invalidate: "true",
    context: contextParameter(context),
  };
}

/**
 * What has been stored, by the answer of the upload that was to store it.
 *
 * @throws CloudinaryError when it was stored in another way: an upload preset of the account changes what comes.
 */
function parseStored(json: unknown, address: AssetAddress, context: Context): Asset {
  const asset = parseAsset(json);
  if (asset.publicId === address.publicId) return { ...asset, context };
  throw new CloudinaryError("invalid_key", "Cloudinary keeps this key under another name");
}

export interface UploadOptions extends CallOptions {
  readonly client: CloudinaryClient;
  readonly ids: PublicIds;
  readonly chunkBytes: number;
}

/** One upload: in one request when it fits, else in chunks of which the last one publishes all. */
export class Upload {
  readonly #key: Key;
  readonly #address: AssetAddress;
  readonly #body: Body;
  readonly #description: ObjectDescription;
  readonly #options: UploadOptions;
  readonly #id = randomBytes(18).toString("hex");
  #sentBytes = 0;

  constructor(key: Key, body: Body, description: ObjectDescription, options: UploadOptions) {
    this.#key = key;
    this.#address = options.ids.addressOf(key);
    this.#body = body;
    this.#description = description;
    this.#options = options;
  }

  async run(): Promise<ObjectStat> {
    const { signal, chunkBytes } = this.#options;
    const context = this.#context(crc32Of(this.#body), false);
    // Before the first byte moves: what cannot be described is not stored.
    contextParameter(context);
    for await (const chunk of chunksOf(abortable(this.#body.open(), signal), chunkBytes)) {
      if (chunk.isFirst && chunk.isLast) return this.#sendAtOnce(chunk);
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
    const { client, signal, onProgress } = this.#options;
    const path = `${this.#address.resourceType}/upload` as const;
    const parameters = uploadParameters(this.#address, context);
    return client.upload({ path, parameters, file, headers, commits, signal, onProgress });
  }

  #finish(answer: unknown, context: Context, sentBytes: number): ObjectStat {
    const asset = parseStored(answer, this.#address, context);
    if (asset.bytes === sentBytes) return statOf(this.#key, asset);
    const message = "Cloudinary changed the file as it came; look at the upload presets of the account";
    throw new CloudinaryError("configuration", message);
  }

  #context(checksum: Checksum | undefined, isEmpty: boolean): Context {
    const { ids } = this.#options;
    const longKey = ids.isLong(this.#key) ? this.#key : undefined;
    return contextOf({ ...this.#description, longKey, checksum, isEmpty });
  }
}

/** Where it is known before the first byte. */
function crc32Of({ expected }: Body): Checksum | undefined {
  return expected?.startsWith("crc32:") ? expected : undefined;
}
