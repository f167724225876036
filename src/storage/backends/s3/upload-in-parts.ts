import type { Failure, ObjectStat, UploadedPart, WriteOptions } from "../../contract/backend.js";
import { isTransient } from "../../contract/backoff.js";
import type { Checksum } from "../../contract/checksum.js";
import { descriptionOf } from "../../contract/description.js";
import type { Key } from "../../contract/key.js";
import { sendAgain } from "../../contract/send-again.js";
import { classifyError, ServiceError } from "../../contract/service-error.js";
import type { S3Access } from "./access.js";
import { isConditional } from "./conditions.js";
import type { SentDescription } from "./headers/kept-headers.js";
import { formatVersion } from "./headers/version.js";
import { beginUpload, dropUpload, hasUpload, joinParts } from "./multipart.js";
import { statWritten } from "./stat.js";
import { addressVariables } from "./wire/answer-error.js";

/** Milliseconds in which what was begun must be dropped. */
const droppingMs = 10_000;
const dropAttempts = 3;

/** Sends one part. `signal` fires also when another part fails. */
export type SendPart = (uploadId: string, signal: AbortSignal) => Promise<UploadedPart>;

/**
 * Writes one object in parts, several at once. If anything fails, nothing is left of it: parts that are being sent
 * are stopped and the upload is dropped.
 */
export class UploadInParts {
  /** Fires when the caller's signal does, or when a part fails. */
  readonly signal: AbortSignal;
  readonly #access: S3Access;
  readonly #key: Key;
  readonly #options: WriteOptions & SentDescription;
  readonly #checksum: Checksum | undefined;
  readonly #failure = new AbortController();
  readonly #parts: UploadedPart[] = [];
  readonly #sending = new Set<Promise<void>>();

  /** @param checksum - of the whole content, which is sent ahead of it. */
  constructor(
    access: S3Access,
    key: Key,
    options: WriteOptions & SentDescription,
    checksum: Checksum | undefined,
  ) {
    this.#access = access;
    this.#key = key;
    this.#options = options;
    this.#checksum = checksum;
    const { signal } = options;
    this.signal =
      signal === undefined ? this.#failure.signal : AbortSignal.any([signal, this.#failure.signal]);
  }

  /**
   * @param senders - in the order of the parts; asked for the next one when there is room for it.
   * @param beforeJoin - called when all parts are there; what it throws is why they are not joined.
   */
  async run(
    senders: AsyncIterable<SendPart>,
    beforeJoin: () => Promise<void> = async () => undefined,
  ): Promise<ObjectStat> {
    const mark = this.#access.marks.later(this.#checksum);
    const begin = () => beginUpload(this.#access, this.#key, this.#options, mark);
    const id = await sendAgain(begin, { signal: this.signal, addressVariables });
    try {
      await this.#sendAll(id, senders);
      await beforeJoin();
      return await this.#joinAgain(id, mark.id);
    } catch (error) {
      this.#failure.abort(error);
      await Promise.all(this.#sending);
      await this.#drop(id);
      throw error;
    }
  }

  async #sendAll(id: string, senders: AsyncIterable<SendPart>): Promise<void> {
    for await (const send of senders) {
      this.#start(id, send);
      while (this.#sending.size >= this.#access.partsAtOnce) await Promise.race(this.#sending);
      this.signal.throwIfAborted();
    }
    await Promise.all(this.#sending);
    this.signal.throwIfAborted();
  }

  #start(id: string, send: SendPart): void {
    const { signal } = this;
    const sending: Promise<void> = sendAgain(() => send(id, signal), { signal, addressVariables })
      .then(
        (part) => void this.#parts.push(part),
        (error: unknown) => this.#failure.abort(error),
      )
      .finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
  }

  /**
   * A refusal that may pass must not cost the parts: a layer further out cannot read a stream again. After a conflict AWS
   * wants a new upload.
   */
  #joinAgain(id: string, writeId: string): Promise<ObjectStat> {
    const isRepeatable = ({ applied }: Failure, error: unknown) =>
      (applied === false || !isConditional(this.#options)) && !isConflict(error);
    const doubt: { error?: unknown } = {};
    const join = () => this.#join(id, writeId, doubt);
    return sendAgain(join, { signal: this.signal, addressVariables, isRepeatable });
  }

  /**
   * If no answer comes, the object itself tells whether it was made.
   *
   * @param doubt - keeps the failure of an attempt that may have been done: a later one may find no upload.
   */
  async #join(id: string, writeId: string, doubt: { error?: unknown }): Promise<ObjectStat> {
    const parts = this.#parts.sort((a, b) => a.number - b.number);
    try {
      const etag = await joinParts(this.#access, this.#key, id, parts, this.#options);
      return (
        (await statWritten(this.#access, this.#key, writeId)) ?? this.#made(formatVersion({ etag, writeId }))
      );
    } catch (error) {
      const failure = classifyError(error, addressVariables);
      if (isTransient(failure) && failure.applied !== false) doubt.error = error;
      if (doubt.error === undefined) throw error;
      const made = await statWritten(this.#access, this.#key, writeId);
      if (made === undefined) throw doubt.error;
      return made;
    }
  }

  /**
   * What was written, where the service does not show it, or has another version already: an ETag of that would let
   * its holder undo it.
   */
  #made(etag: string): ObjectStat {
    const size = this.#parts.reduce((sum, part) => sum + part.size, 0);
    const lastModified = new Date(Math.floor(Date.now() / 1000) * 1000);
    return {
      key: this.#key,
      size,
      etag,
      lastModified,
      checksum: this.#checksum,
      ...descriptionOf(this.#options),
    };
  }

  /** A part that the service was still taking in may outlive the first attempt. */
  async #drop(id: string): Promise<void> {
    const signal = AbortSignal.timeout(droppingMs);
    try {
      for (let attempt = 0; attempt < dropAttempts; attempt++) {
        await dropUpload(this.#access, this.#key, id, signal);
        if (!(await hasUpload(this.#access, this.#key, id, signal))) return;
      }
    } catch {
      // What made the upload fail is what the caller is told; the bucket's own rules sweep what is left.
    }
  }
}

/** Whether another change of the object, which was under way at the same time, ended the upload. */
function isConflict(error: unknown): boolean {
  return error instanceof ServiceError && error.reason === "ConditionalRequestConflict";
}
