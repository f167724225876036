import { abortable } from "../contract/abortable.js";
import type {
  Body,
  Bytes,
  CallOptions,
  Capabilities,
  CopyOptions,
  Layer,
  LazyUrl,
  ObjectStat,
  OpenedObject,
  ReadOptions,
  SignOptions,
  StorageBackend,
  UploadedPart,
  WriteConditions,
  WriteOptions,
} from "../contract/backend.js";
import { changedBody } from "../contract/changed-body.js";
import { StorageConfigurationError } from "../contract/error.js";
import type { Key } from "../contract/key.js";
import { Opened, readerOf } from "../contract/opened.js";
import { type Deadline, DeadlineClock } from "./deadline.js";
import { type BackendCall, LayerBackend, type Next } from "./layer-backend.js";
import { TimedReader } from "./timed-reader.js";
import { unlessFired, waitForOutcome } from "./wait-for-outcome.js";

/** Content larger than this is passed on in pieces, because only pieces show progress. */
const maxAtOnceBytes = 1_048_576;
const pieceBytes = 262_144;

/** Longest wait for a change whose time is over, in milliseconds; no longer than that time itself. */
const maxGraceMs = 5000;

/**
 * Ends a call that makes no progress for `timeoutMs` with `timeout`, and tells the backend to stop. For most calls
 * that is their whole time; for content that is written or read it is the time between two pieces. Time in
 * which the reader of a body does not ask for more does not count.
 *
 * A write, a copy or a completion is then given as long again, 5 seconds at most, to tell how it ended; the same
 * holds when the caller's signal fires. If it was done that is the answer. Only one that tells nothing is in doubt.
 */
export function timeout(timeoutMs: number): Layer {
  if (!(timeoutMs >= 1 && timeoutMs < 2 ** 31)) {
    throw new StorageConfigurationError({ message: "timeoutMs must be from 1 to 2147483647" });
  }
  return (inner) => new TimedBackend(inner, timeoutMs);
}

class TimedBackend<C extends Capabilities> extends LayerBackend<C> {
  readonly #clock: DeadlineClock;

  constructor(inner: StorageBackend<C>, timeoutMs: number) {
    super(inner);
    this.#clock = new DeadlineClock(timeoutMs);
  }

  protected override intercept<T>({ signal }: BackendCall, next: Next<T>): Promise<T> {
    return this.#within(signal, (deadline) => next(deadline.signal));
  }

  override write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    return this.#change(options, (deadline) =>
      this.inner.write(key, inPieces(body, deadline), watching(deadline, options)),
    );
  }

  override copy(from: Key, to: Key, options: CopyOptions): Promise<ObjectStat> {
    return this.#change(options, (deadline) => this.inner.copy(from, to, watching(deadline, options)));
  }

  override writePart(
    key: Key,
    uploadId: string,
    number: number,
    body: Body,
    options: CallOptions,
  ): Promise<UploadedPart> {
    return this.#within(options.signal, (deadline) => {
      const watched = watching(deadline, options);
      return this.inner.writePart(key, uploadId, number, inPieces(body, deadline), watched);
    });
  }

  override completeUpload(
    key: Key,
    uploadId: string,
    parts: readonly UploadedPart[],
    options: CallOptions & WriteConditions,
  ): Promise<ObjectStat> {
    return this.#change(options, (deadline) =>
      this.inner.completeUpload(key, uploadId, parts, watching(deadline, options)),
    );
  }

  override read(key: Key, options: ReadOptions): Promise<OpenedObject> {
    const deadline = this.#clock.start(options.signal);
    const { signal } = deadline;
    const read = () =>
      this.inner.read(key, { ...options, signal }).then((opened) => {
        // A body that arrives after the deadline is closed at once, or its socket would stay open.
        if (signal.aborted) return opened.close().then(() => opened);
        if (opened.bytes !== undefined) return opened;
        return new Opened(opened.stat, opened, new TimedReader(readerOf(opened), deadline));
      });
    return unlessFired(deadline, read, isWhole);
  }

  /** A URL that is there already has no time to take. */
  override sign(key: Key, options: SignOptions): LazyUrl | Promise<LazyUrl> {
    const url = this.inner.sign(key, options);
    return typeof url === "function" ? url : this.#within(undefined, () => url);
  }

  /** What is being published when its time is over may be done: the caller is to hear the truth. */
  #change<T>({ signal }: CallOptions, work: (deadline: Deadline) => Promise<T>): Promise<T> {
    const deadline = this.#clock.start(signal);
    return waitForOutcome(deadline, () => work(deadline), Math.min(this.#clock.timeoutMs, maxGraceMs));
  }

  #within<T>(outer: AbortSignal | undefined, work: (deadline: Deadline) => Promise<T>): Promise<T> {
    const deadline = this.#clock.start(outer);
    return unlessFired(deadline, () => work(deadline));
  }
}

/** Bytes that move inside the backend are progress, too. */
function watching<O extends CallOptions>(deadline: Deadline, options: O): O {
  const { onProgress } = options;
  const moved = () => {
    deadline.progress();
    onProgress?.();
  };
  return { ...options, signal: deadline.signal, onProgress: moved };
}

function isWhole({ bytes }: OpenedObject): boolean {
  return bytes !== undefined;
}

/** Every piece that the source gives or the backend asks for is progress. */
function inPieces(body: Body, deadline: Deadline): Body {
  const isSmall = body.bytes !== undefined && body.bytes.byteLength <= maxAtOnceBytes;
  if (isSmall) return body;
  return changedBody(body, { bytes: undefined, open: () => timedPieces(body, deadline) });
}

async function* timedPieces(body: Body, deadline: Deadline): Bytes {
  const pieces = body.bytes === undefined ? body.open() : cut(body.bytes);
  for await (const piece of abortable(pieces, deadline.signal)) {
    deadline.progress();
    yield piece;
    deadline.progress();
  }
}

async function* cut(bytes: Uint8Array): Bytes {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}
