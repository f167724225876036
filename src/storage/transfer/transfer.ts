import { sharedSignal } from "../contract/abortable.js";
import { Backoff } from "../contract/backoff.js";
import { ChecksumMismatchError, StorageError, UnknownStorageError } from "../contract/error.js";
import { Semaphore } from "../contract/semaphore.js";
import type { ListedFile } from "../options.js";
import { copyFile } from "./copy-file.js";
import type { Journal } from "./journal.js";
import { type FilePair, pairFiles } from "./pair-files.js";
import { type Ends, findSame, type SameFile } from "./same-file.js";
import { plus, TransferProgress, type TransferState } from "./transfer-progress.js";

export interface TransferOptions extends Ends {
  /** Only keys that begin with this plain string. */
  readonly prefix: string;
  /** Objects that are copied at once. */
  readonly concurrency: number;
  /** Whether everything at the target is read back and compared. */
  readonly isVerified: boolean;
  /** Whether to look only. */
  readonly isDryRun: boolean;
  readonly journal: Journal | undefined;
  /** Names at the source that are no keys and that its listing does not tell. */
  readonly strayNames?: AsyncIterable<string> | undefined;
  /** Stops the transfer: files that are being copied are given up and leave nothing behind. */
  readonly signal: AbortSignal;
  /** Told of every object that was copied, or would be. */
  readonly onCopied?: (key: string, bytes: number) => void;
}

/** Failures of this many objects in a row, for reasons that are no object's own, end a transfer. */
const maxFailuresInRow = 100;
/** Objects of more bytes than this are sent in parts, several at once, and so take memory. */
const largeBytes = 8_388_608;
const maxLargeAtOnce = 4;
/** What is wrong with a service, its credentials or its room rather than with one object. */
const common: ReadonlySet<string> = new Set([
  "configuration",
  "permission_denied",
  "quota_exceeded",
  "rate_limited",
  "timeout",
  "unavailable",
]);

/** Copies every object of one storage to another that the other has not got already. */
export class Transfer {
  readonly #options: TransferOptions;
  readonly #progress = new TransferProgress();
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #backoff = new Backoff({ attempts: 3, baseDelayMs: 500 });
  readonly #large = new Semaphore(maxLargeAtOnce);
  #failuresInRow = 0;

  constructor(options: TransferOptions) {
    this.#options = options;
    // Every object under way listens.
    this.#signal = sharedSignal(options.signal, this.#stop.signal);
  }

  /** What has been done so far; after {@link run} all that was done. */
  get state(): TransferState {
    return this.#progress;
  }

  /**
   * Does the work; the failure of one object does not keep the others from being copied.
   *
   * @throws StorageError when an end could not be listed, or nothing succeeded any more. When the signal fired it
   * resolves.
   */
  async run(): Promise<void> {
    const { target, prefix, concurrency } = this.#options;
    const list = { prefix, signal: this.#signal };
    const counting = this.#count();
    const pairs = pairFiles(this.#listSource(), target.listAll(list));
    const workers = Array.from({ length: concurrency }, () => this.#work(pairs));
    const ends = await Promise.allSettled(workers);
    this.#stop.abort();
    await counting;
    const failure = ends.find((end) => end.status === "rejected");
    if (failure === undefined) await this.#addStrayNames();
    if (failure !== undefined && !this.#options.signal.aborted) throw failure.reason;
  }

  async *#listSource(): AsyncGenerator<ListedFile> {
    const { source, prefix } = this.#options;
    let cursor: string | undefined;
    do {
      const page = await source.list({ prefix, limit: 1000, cursor, signal: this.#signal });
      for (const name of page.passedOver ?? []) this.#progress.addLeftOut(name);
      yield* page.items;
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  async #addStrayNames(): Promise<void> {
    const { strayNames, prefix, signal } = this.#options;
    for await (const name of strayNames ?? []) {
      if (signal.aborted) return;
      if (name.startsWith(prefix)) this.#progress.addLeftOut(name);
    }
  }

  async #work(pairs: AsyncGenerator<FilePair>): Promise<void> {
    try {
      for await (const pair of pairs) {
        await this.#handle(pair);
        if (this.#signal.aborted) return;
      }
    } catch (error) {
      this.#stop.abort();
      throw error;
    }
  }

  /** The total is only shown; the listing for the copy itself meets the same failure. */
  async #count(): Promise<void> {
    const { source, prefix } = this.#options;
    let total = { objects: 0, bytes: 0 };
    try {
      for await (const { size } of source.listAll({ prefix, signal: this.#signal }))
        total = plus(total, size);
      this.#progress.total = total;
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
    }
  }

  async #handle(pair: FilePair): Promise<void> {
    const { key, size } = pair.source;
    try {
      if (await this.#isThere(pair)) this.#progress.addUnchanged(size);
      else await this.#copy(pair);
      this.#failuresInRow = 0;
    } catch (error) {
      if (this.#signal.aborted) return;
      this.#fail(key, error instanceof StorageError ? error : unforeseen(key, error));
    }
  }

  async #isThere(pair: FilePair): Promise<boolean> {
    const { source, target } = pair;
    if (target === undefined || target.size !== source.size) return false;
    const { journal, isVerified, isDryRun } = this.#options;
    if (journal?.tells(pair, { isVerified })) return true;
    const seenMs = Date.now();
    if ((await this.#findSame(source.key)) === undefined) return false;
    if (!isDryRun) journal?.note(pair, { targetMs: target.lastModified.getTime(), seenMs, isVerified });
    return true;
  }

  #findSame(key: string): Promise<SameFile | undefined> {
    return findSame(this.#options, key, { isRead: this.#options.isVerified, signal: this.#signal });
  }

  async #copy(pair: FilePair): Promise<void> {
    const { key, size } = pair.source;
    const { isDryRun, isVerified, journal, onCopied } = this.#options;
    const seenMs = Date.now();
    const move = () => this.#move(key);
    const copied = isDryRun ? undefined : await (size > largeBytes ? this.#large.use(move) : move());
    const writtenMs = Date.now();
    if (copied !== undefined && isVerified) await this.#verify(key);
    if (copied !== undefined) {
      journal?.note(pair, { targetMs: copied.target.lastModified.getTime(), writtenMs, seenMs, isVerified });
    }
    const bytes = copied?.target.size ?? size;
    this.#progress.addCopied(bytes);
    onCopied?.(key, bytes);
  }

  async #move(key: string): Promise<SameFile> {
    const progress = this.#progress;
    let moved = 0;
    try {
      return await copyFile(this.#options, key, {
        backoff: this.#backoff,
        signal: this.#signal,
        onBytes: (bytes) => {
          moved += bytes;
          progress.bytesUnderWay += bytes;
        },
      });
    } finally {
      progress.bytesUnderWay -= moved;
    }
  }

  async #verify(key: string): Promise<void> {
    if ((await this.#findSame(key)) !== undefined) return;
    const message = "what the target gives back is not what was copied, or the source changed meanwhile";
    throw new ChecksumMismatchError({ message, key });
  }

  #fail(key: string, error: StorageError): void {
    this.#progress.failures.push({ key, error });
    this.#failuresInRow = common.has(error.code) ? this.#failuresInRow + 1 : 0;
    if (this.#failuresInRow >= maxFailuresInRow) throw error;
  }
}

function unforeseen(key: string, cause: unknown): StorageError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new UnknownStorageError({ message, key, cause });
}
