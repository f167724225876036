import { randomBytes } from "node:crypto";
import type {
  Body,
  CallOptions,
  ObjectDescription,
  UploadedPart,
  WriteConditions,
} from "../../contract/backend.js";
import { type Key, reservedSegment } from "../../contract/key.js";
import { noMetadata } from "../../contract/metadata.js";
import { BufferedRecord } from "./buffered-record.js";
import type { Composer, Source } from "./compose.js";
import { GcsError } from "./gcs-error.js";
import type { Lister, StagedObject } from "./list.js";
import type { ObjectResource } from "./object-resource.js";
import type { BatchRemover } from "./remove.js";
import { noUpload, parseRecord, type UploadRecord } from "./upload-record.js";
import type { Uploader } from "./write.js";

const root = `${reservedSegment}/uploads/`;
const plain = { contentType: "application/octet-stream", filename: undefined, metadata: noMetadata } as const;
const unconditional = { ifAbsent: false, ifMatch: undefined } as const;

export interface StagingTools {
  readonly uploader: Uploader;
  readonly lister: Lister;
  readonly remover: BatchRemover;
  readonly composer: Composer;
  /** The content of a small object. */
  readonly readText: (name: string, signal: AbortSignal | undefined) => Promise<string>;
}

/**
 * Uploads in parts. The JSON API has none, so parts are objects of our own, in a folder that no key can name, and
 * are joined by the service. An upload is there as long as its record is.
 */
export class StagedUploads {
  readonly #tools: StagingTools;

  constructor(tools: StagingTools) {
    this.#tools = tools;
  }

  async create(key: Key, options: ObjectDescription & CallOptions): Promise<string> {
    const id = randomBytes(18).toString("base64url");
    const { signal } = options;
    const record = new BufferedRecord(key, options);
    await this.#tools.uploader.upload(recordOf(id), record, {
      ...plain,
      ifAbsent: true,
      ifMatch: undefined,
      signal,
    });
    return id;
  }

  async write(key: Key, id: string, number: number, body: Body, options: CallOptions): Promise<UploadedPart> {
    await this.#find(key, id, options);
    const how = { ...plain, ...unconditional, signal: options.signal, onProgress: options.onProgress };
    const { generation, size } = await this.#tools.uploader.upload(partOf(id, number), body, how);
    return { number, etag: generation, size };
  }

  async list(key: Key, id: string, options: CallOptions): Promise<readonly UploadedPart[]> {
    await this.#find(key, id, options);
    const folder = partsOf(id);
    const parts: UploadedPart[] = [];
    for await (const { name, generation, size } of this.#tools.lister.all(folder, options.signal))
      parts.push({ number: Number(name.slice(folder.length)), etag: generation, size });
    return parts;
  }

  async complete(
    key: Key,
    id: string,
    parts: readonly UploadedPart[],
    options: CallOptions & WriteConditions,
  ): Promise<ObjectResource> {
    const { description } = await this.#find(key, id, options);
    const sources = await this.#match(id, parts, options.signal);
    const folder = `${folderOf(id)}joined/`;
    const target = { ...options, name: key, description, folder };
    const resource = await this.#tools.composer.compose(sources, target).catch((error: unknown) => {
      // A part that was there a moment ago: somebody else has completed or aborted the upload meanwhile.
      throw error instanceof GcsError && error.code === "not_found" ? noUpload() : error;
    });
    await this.#clear(id, options).catch(() => undefined);
    return resource;
  }

  async abort(key: Key, id: string, options: CallOptions): Promise<void> {
    try {
      await this.#find(key, id, options);
    } catch (error) {
      if (error instanceof GcsError && error.code === "not_found") return;
      throw error;
    }
    await this.#removeBelow(folderOf(id), options);
  }

  async #find(key: Key, id: string, { signal }: CallOptions): Promise<UploadRecord> {
    if (!/^[A-Za-z0-9_-]{24}$/.test(id)) throw noUpload();
    return parseRecord(await this.#tools.readText(recordOf(id), signal), key);
  }

  /** The versions that were named, in the order of their numbers, which must be the ones there are. */
  async #match(
    id: string,
    parts: readonly UploadedPart[],
    signal: AbortSignal | undefined,
  ): Promise<readonly Source[]> {
    const staged = new Map<string, StagedObject>();
    for await (const each of this.#tools.lister.all(partsOf(id), signal)) staged.set(each.name, each);
    return parts.map((part, index) => {
      if (part.number <= (parts[index - 1]?.number ?? 0)) throw wrongPart("the parts are not in order");
      const found = staged.get(partOf(id, part.number));
      if (found?.generation !== part.etag) throw wrongPart(`there is no such part ${part.number}`);
      return found;
    });
  }

  /** The record goes first, so that nobody completes the upload again. What stays behind is for a lifecycle rule. */
  async #clear(id: string, options: CallOptions): Promise<void> {
    await this.#tools.remover.remove([recordOf(id)], options.signal);
    await this.#removeBelow(folderOf(id), options);
  }

  /** The record is the last by its name, so that an abortion that fails can be done again. */
  async #removeBelow(folder: string, { signal, onProgress }: CallOptions): Promise<void> {
    let names: string[] = [];
    const flush = async () => {
      const [failure] = await this.#tools.remover.remove(names, signal);
      if (failure !== undefined) throw failure.error;
      names = [];
      onProgress?.();
    };
    for await (const { name } of this.#tools.lister.all(folder, signal)) {
      if (name === `${folder}record`) await flush();
      if (names.push(name) === maxHeld) await flush();
    }
    await flush();
  }
}

/** Names that are held before they are removed. */
const maxHeld = 1000;

function folderOf(id: string): string {
  return `${root}${id}/`;
}

function recordOf(id: string): string {
  return `${folderOf(id)}record`;
}

function partsOf(id: string): string {
  return `${folderOf(id)}parts/`;
}

function partOf(id: string, number: number): string {
  return `${partsOf(id)}${String(number).padStart(5, "0")}`;
}

function wrongPart(message: string): GcsError {
  return new GcsError("invalid_argument", message, { applied: false });
}
