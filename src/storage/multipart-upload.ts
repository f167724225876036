import { checkOptions } from "./arguments.js";
import { requireCapability, toConditions } from "./capability.js";
import type { ContentBody } from "./content/body.js";
import { type Content, discardAfterError, toBody } from "./content/content.js";
import { type SizeLimit, tooLarge } from "./content/size-check.js";
import type {
  CallOptions,
  Capabilities,
  ObjectStat,
  StorageBackend,
  UploadedPart,
  WriteConditions,
} from "./contract/backend.js";
import type { Checksum } from "./contract/checksum.js";
import { FileNotFoundError, InvalidArgumentError } from "./contract/error.js";
import type { Key } from "./contract/key.js";
import { attempt, enter, type MadeCall, told } from "./failure.js";
import type { OperationObservers } from "./operation-observers.js";
import { checkOptionNames } from "./option-names.js";
import type { ConditionOptions, FileDetails, SignalOption } from "./options.js";

type PartOptions = SignalOption & { readonly size?: number; readonly checksum?: Checksum };

/** Most parts of one upload. */
export const maxParts = 10_000;

/** What names an upload, and what it may be. */
export interface UploadHandle {
  readonly key: Key;
  /** As callers know it. */
  readonly id: string;
  /** As the backend knows it; `undefined` where the id is not of an upload of this key. */
  readonly ofBackend: string | undefined;
  /** Most bytes that a part, and all parts together, may have. */
  readonly limit: SizeLimit;
  /** Where the parts go. */
  readonly at: Key;
  /** Checks and publishes what the parts make, and ends the lease. */
  readonly publish: (completion: PartsCompletion) => Promise<ObjectStat>;
  /** Drops all of the upload. Idempotent. */
  readonly drop: (options: CallOptions) => Promise<void>;
}

/** A completion with the parts that the object is to have. */
export interface PartsCompletion extends CallOptions {
  readonly conditions: WriteConditions;
  readonly given: readonly UploadedPart[];
}

/** Bytes of parts together. */
export function bytesOf(parts: readonly UploadedPart[]): number {
  return parts.reduce((sum, part) => sum + part.size, 0);
}

/** An object that arrives in parts, in any order and from any process; nothing of it is visible until it is complete. */
export class MultipartUpload<C extends Capabilities = Capabilities> {
  /** With the key, all that is needed to resume it elsewhere. */
  readonly id: string;
  /** The key of the object. */
  readonly key: string;
  readonly #backend: StorageBackend<C>;
  readonly #handle: UploadHandle;
  readonly #observers: OperationObservers;
  readonly #parts = new Map<number, UploadedPart>();

  constructor(backend: StorageBackend<C>, handle: UploadHandle, observers: OperationObservers) {
    this.#backend = backend;
    this.#handle = handle;
    this.#observers = observers;
    this.key = handle.key;
    this.id = handle.id;
  }

  /**
   * Writes one part; the same number again replaces it.
   *
   * @param number - 1 to 10,000.
   * @throws FileNotFoundError when the upload is not under way; InvalidArgumentError for another number.
   *
   * @example
   * const upload = await storage.createUpload("video.mp4");
   * const part = await upload.writePart(1, bytes);
   */
  writePart(number: number, content: Content, options: PartOptions = {}): Promise<UploadedPart> {
    const call = this.#call(options);
    return told(call, () => this.#writePart(call, number, content, options));
  }

  async #writePart(
    call: MadeCall,
    number: number,
    content: Content,
    options: PartOptions,
  ): Promise<UploadedPart> {
    let body: ContentBody | undefined;
    try {
      checkOptions(options);
      checkOptionNames("writePart", options);
      const { size, checksum, signal } = options;
      body = toBody(content, { size, checksum, ...this.#handle.limit });
      body.admit();
      enter(options);
      if (!Number.isInteger(number) || number < 1 || number > maxParts) {
        throw new InvalidArgumentError({ message: `a part's number is 1 to ${maxParts}` });
      }
      const part = await this.#backend.writePart(this.#handle.at, this.#knownId(), number, body, { signal });
      this.#parts.set(number, part);
      return part;
    } catch (error) {
      throw await discardAfterError(body, error, call);
    }
  }

  /**
   * The parts that have been written, in the order of their numbers: by this handle, another one, or another process.
   *
   * @throws FileNotFoundError when the upload is not under way.
   */
  async listParts(options: SignalOption = {}): Promise<readonly UploadedPart[]> {
    return attempt(this.#call(options), async () => {
      checkOptionNames("listParts", options);
      return this.#backend.listParts(this.#handle.at, this.#knownId(), { signal: options.signal });
    });
  }

  /**
   * Publishes the object: the parts given, or all that were written through this handle. With a policy that looks at the
   * content it can be repeated, from any process: until the scanner is back, or for an answer that was lost.
   *
   * @throws InvalidArgumentError for no parts or unknown ones; PreconditionFailedError for `ifAbsent` and `ifMatch`.
   */
  async complete(
    options: ConditionOptions<C> & SignalOption & { readonly parts?: readonly UploadedPart[] } = {},
  ): Promise<FileDetails> {
    return attempt(this.#call(options), async () => {
      checkOptionNames("complete", options);
      const { parts: named = [...this.#parts.values()], signal } = options;
      if (named.length === 0)
        throw new InvalidArgumentError({ message: "an upload needs at least one part" });
      const conditions = toConditions(this.#backend, options);
      if (conditions.ifAbsent || conditions.ifMatch !== undefined) {
        requireCapability(this.#backend, "conditionalComplete");
      }
      const given = await this.#sized(
        named.toSorted((a, b) => a.number - b.number),
        signal,
      );
      if (bytesOf(given) > this.#handle.limit.maxBytes) throw tooLarge(this.#handle.limit);
      return this.#handle.publish({ conditions, given, signal });
    });
  }

  /** The parts with the sizes that they have: what this handle did not write is looked up, and never believed. */
  async #sized(
    parts: readonly UploadedPart[],
    signal: AbortSignal | undefined,
  ): Promise<readonly UploadedPart[]> {
    const id = this.#knownId();
    const isOwn = ({ number, etag }: UploadedPart) => this.#parts.get(number)?.etag === etag;
    const listed = parts.every(isOwn) ? [] : await this.#listed(id, signal);
    if (listed === undefined) return parts;
    const known = new Map(
      [...listed, ...this.#parts.values()].map((part) => [`${part.number} ${part.etag}`, part]),
    );
    return parts.map(({ number, etag }) => {
      const part = known.get(`${number} ${etag}`);
      if (part !== undefined) return part;
      throw new InvalidArgumentError({ message: `there is no such part ${number}` });
    });
  }

  /** `undefined` where a completion before this one joined what is staged: then the content itself is measured. */
  async #listed(id: string, signal: AbortSignal | undefined): Promise<readonly UploadedPart[] | undefined> {
    const { at, key } = this.#handle;
    try {
      return await this.#backend.listParts(at, id, { signal });
    } catch (error) {
      if (at === key || this.#backend.classify(error).code !== "not_found") throw error;
      return undefined;
    }
  }

  /** Drops the upload and its parts. Idempotent. */
  async abort(options: SignalOption = {}): Promise<void> {
    await attempt(this.#call(options), async () => {
      checkOptionNames("abort", options);
      await this.#handle.drop({ signal: options.signal });
    });
  }

  #knownId(): string {
    if (this.#handle.ofBackend !== undefined) return this.#handle.ofBackend;
    throw new FileNotFoundError({ message: "there is no such upload" });
  }

  #call(options: SignalOption): MadeCall {
    return {
      backend: this.#backend,
      operation: "multipart",
      key: this.key,
      options,
      observers: this.#observers,
    };
  }
}
