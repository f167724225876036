import { abortable, unlessAborted } from "../contract/abortable.js";
import type {
  Body,
  Bytes,
  CallOptions,
  Capabilities,
  CopyOptions,
  Layer,
  ObjectStat,
  OpenedObject,
  ReadOptions,
  StorageBackend,
  UploadedPart,
  WriteConditions,
  WriteOptions,
} from "../contract/backend.js";
import { StorageConfigurationError } from "../contract/error.js";
import type { Key } from "../contract/key.js";
import { AroundBackend, type BackendCall, type Next } from "./around.js";
import { Deadline } from "./deadline.js";
import { settled } from "./settled.js";
import { WatchedOpened } from "./watched-opened.js";

/** Content larger than this is given on in pieces, because only pieces show progress. */
const maxAtOnceBytes = 1_048_576;
const pieceBytes = 262_144;

/** Longest wait for a change whose time is over, in milliseconds; no longer than that time itself. */
const maxGraceMs = 5000;

/**
 * Ends a call that makes no progress for `timeoutMs` with `timeout`, and tells the backend to stop. For most
 * calls that is their whole time; for content on its way in or out it is the time between two pieces. Time in
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

class TimedBackend<C extends Capabilities> extends AroundBackend<C> {
  readonly #timeoutMs: number;

  constructor(inner: StorageBackend<C>, timeoutMs: number) {
    super(inner);
    this.#timeoutMs = timeoutMs;
  }

  protected override around<T>(call: BackendCall, next: Next<T>): Promise<T> {
    return this.#within(call.signal, (deadline) =>
      unlessAborted(() => next(deadline.signal), deadline.signal),
    );
  }

  override write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    return this.#change(options, (deadline) =>
      this.inner.write(key, inPieces(body, deadline), { ...options, ...watching(deadline, options) }),
    );
  }

  override copy(from: Key, to: Key, options: CopyOptions): Promise<ObjectStat> {
    return this.#change(options, (deadline) =>
      this.inner.copy(from, to, { ...options, ...watching(deadline, options) }),
    );
  }

  override writePart(
    key: Key,
    uploadId: string,
    number: number,
    body: Body,
    options: CallOptions,
  ): Promise<UploadedPart> {
    return this.#within(options.signal, (deadline) => {
      const watched = { ...options, ...watching(deadline, options) };
      const write = () => this.inner.writePart(key, uploadId, number, inPieces(body, deadline), watched);
      return unlessAborted(write, deadline.signal);
    });
  }

  override completeUpload(
    key: Key,
    uploadId: string,
    parts: readonly UploadedPart[],
    options: CallOptions & WriteConditions,
  ): Promise<ObjectStat> {
    return this.#change(options, (deadline) =>
      this.inner.completeUpload(key, uploadId, parts, { ...options, ...watching(deadline, options) }),
    );
  }

  override async read(key: Key, options: ReadOptions): Promise<OpenedObject> {
    const deadline = new Deadline(this.#timeoutMs, options.signal);
    try {
      const opened = await this.#open(key, options, deadline);
      if (opened.bytes === undefined) return watched(opened, deadline);
      deadline.end();
      return opened;
    } catch (error) {
      deadline.end();
      throw error;
    }
  }

  /** What arrives after the time is closed, or its socket would stay open. */
  #open(key: Key, options: ReadOptions, { signal }: Deadline): Promise<OpenedObject> {
    return unlessAborted(async () => {
      const opened = await this.inner.read(key, { ...options, signal });
      if (signal.aborted) await opened.close();
      return opened;
    }, signal);
  }

  /** What is being published when its time is over may be done: the caller is to hear the truth. */
  #change<T>({ signal }: CallOptions, work: (deadline: Deadline) => Promise<T>): Promise<T> {
    const graceMs = Math.min(this.#timeoutMs, maxGraceMs);
    return this.#within(signal, (deadline) => settled(() => work(deadline), deadline.signal, graceMs));
  }

  async #within<T>(outer: AbortSignal | undefined, work: (deadline: Deadline) => Promise<T>): Promise<T> {
    const deadline = new Deadline(this.#timeoutMs, outer);
    try {
      return await work(deadline);
    } finally {
      deadline.end();
    }
  }
}

/** Bytes that move inside the backend are progress, too. */
function watching(deadline: Deadline, { onProgress }: CallOptions): CallOptions {
  return {
    signal: deadline.signal,
    onProgress: () => {
      deadline.progress();
      onProgress?.();
    },
  };
}

function watched(opened: OpenedObject, deadline: Deadline): OpenedObject {
  deadline.pause();
  return new WatchedOpened(opened, outgoing(opened.body, deadline), () => {
    deadline.end();
    return opened.close();
  });
}

/** The clock runs while the reader waits for a piece. */
async function* outgoing(body: Bytes, deadline: Deadline): Bytes {
  try {
    deadline.progress();
    for await (const piece of abortable(body, deadline.signal)) {
      deadline.pause();
      yield piece;
      deadline.progress();
    }
  } finally {
    deadline.end();
  }
}

/** Every piece that the source gives or the backend asks for is progress. */
function inPieces(body: Body, deadline: Deadline): Body {
  const isSmall = body.bytes !== undefined && body.bytes.byteLength <= maxAtOnceBytes;
  if (isSmall) return body;
  return {
    size: body.size,
    bytes: undefined,
    replayable: body.replayable,
    expected: body.expected,
    checksum: () => body.checksum(),
    forgoChecksum: () => body.forgoChecksum?.(),
    open: () => incoming(body, deadline),
  };
}

async function* incoming(body: Body, deadline: Deadline): Bytes {
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
