import type {
  Body,
  CallOptions,
  Capabilities,
  Failure,
  Layer,
  LazyUrl,
  ObjectStat,
  OpenedObject,
  ReadOptions,
  RemoveFailure,
  SignOptions,
  StorageBackend,
  UploadedPart,
  WriteOptions,
} from "../contract/backend.js";
import { Backoff, isTransient, type RetryOptions } from "../contract/backoff.js";
import { changedBody } from "../contract/changed-body.js";
import { attemptChannel } from "../contract/channels.js";
import { Doubt, withDoubt } from "../contract/doubt.js";
import type { Key } from "../contract/key.js";
import { Opened, readerOf } from "../contract/opened.js";
import { ResumingReader } from "../contract/resuming-reader.js";
import { type BackendCall, LayerBackend, type Next } from "./layer-backend.js";

/**
 * Tries again what failed with `unavailable`, `timeout` or `rate_limited` and is safe to repeat.
 *
 * A call whose outcome depends on the stored object (a conditional write, the completion of an upload) is repeated
 * only when the backend is certain that nothing was done; a write only while its content can be read from the
 * start. A removal that was done but reported as failed answers `false` the second time. A read body that
 * breaks goes on from where it was, in the same version.
 */
export function retry(options: RetryOptions = {}): Layer {
  const backoff = new Backoff(options);
  return (inner) => new RetryingBackend(inner, backoff);
}

class RetryingBackend<C extends Capabilities> extends LayerBackend<C> {
  readonly #backoff: Backoff;

  constructor(inner: StorageBackend<C>, backoff: Backoff) {
    super(inner);
    this.#backoff = backoff;
  }

  override classify(error: unknown): Failure {
    return withDoubt(error, super.classify(error));
  }

  protected override intercept<T>(call: BackendCall, next: Next<T>): Promise<T> {
    return this.#repeat(call, () => true, next);
  }

  override write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    const content = new ReplayCheck(body);
    const isRepeatable = !options.ifAbsent && options.ifMatch === undefined;
    return this.#repeat(
      { verb: "write", signal: options.signal, isRepeatable },
      () => content.canReplay,
      () => this.inner.write(key, content.body, options),
    );
  }

  override writePart(
    key: Key,
    uploadId: string,
    number: number,
    body: Body,
    options: CallOptions,
  ): Promise<UploadedPart> {
    const content = new ReplayCheck(body);
    return this.#repeat(
      { verb: "writePart", signal: options.signal, isRepeatable: true },
      () => content.canReplay,
      () => this.inner.writePart(key, uploadId, number, content.body, options),
    );
  }

  override read(key: Key, options: ReadOptions): Promise<OpenedObject> {
    return super.read(key, options).then((opened) => {
      return opened.bytes === undefined ? this.#resumed(key, opened, options) : opened;
    });
  }

  /** A URL that is returned at once cannot fail. */
  override sign(key: Key, options: SignOptions): LazyUrl | Promise<LazyUrl> {
    let url: LazyUrl | Promise<LazyUrl> | undefined = this.inner.sign(key, options);
    if (typeof url === "function") return url;
    return this.intercept({ verb: "sign", key, signal: undefined, isRepeatable: true }, async () => {
      const attempt = url ?? this.inner.sign(key, options);
      url = undefined;
      return attempt;
    });
  }

  override async removeMany(keys: readonly Key[], options: CallOptions): Promise<readonly RemoveFailure[]> {
    const finalFailures: RemoveFailure[] = [];
    let failures = await super.removeMany(keys, options);
    for (let attempt = 1; failures.length > 0; attempt++) {
      const [transient, lasting] = this.#split(failures);
      finalFailures.push(...lasting);
      const [first] = transient;
      if (first === undefined) return finalFailures;
      const again = await this.#backoff.pause(this.classify(first.error), attempt, options.signal);
      if (!again) return [...finalFailures, ...transient];
      failures = await super.removeMany(
        transient.map(({ key }) => key),
        options,
      );
    }
    return finalFailures;
  }

  #resumed(key: Key, opened: OpenedObject, options: ReadOptions): OpenedObject {
    const { signal } = options;
    const { stat, start, end } = opened;
    const reopen = async (at: number, cause: unknown, attempt: number) => {
      if (!(await this.#backoff.pause(this.failureOf(cause, signal), attempt, signal))) throw cause;
      const rest = { range: { start: at, end: end - 1 }, ifMatch: stat.etag };
      // If the rest cannot be had, the body's own error is the one to tell.
      return readerOf(await super.read(key, { ...options, ...rest }).catch(() => Promise.reject(cause)));
    };
    return new Opened(stat, { start, end }, new ResumingReader(opened, readerOf(opened), reopen));
  }

  /** The first attempt costs one promise; only a failure costs more. */
  #repeat<T>(call: Attempted, canRepeat: () => boolean, next: Next<T>): Promise<T> {
    return this.#attempt(call, 1, next).then(
      (result) => {
        this.#backoff.succeeded();
        return result;
      },
      (error: unknown) => this.#recover(error, call, canRepeat, next),
    );
  }

  async #recover<T>(first: unknown, call: Attempted, canRepeat: () => boolean, next: Next<T>): Promise<T> {
    const { signal, isRepeatable } = call;
    const doubt = new Doubt();
    let error = first;
    for (let attempt = 1; ; attempt++) {
      const failure = this.failureOf(error, signal);
      doubt.note(error, failure);
      const isSafe = canRepeat() && (isRepeatable || failure.applied === false);
      if (!isSafe || !(await this.#backoff.pause(failure, attempt, signal))) throw error;
      try {
        const result = await this.#attempt(call, attempt + 1, next);
        this.#backoff.succeeded();
        return result;
      } catch (again) {
        error = again;
      }
    }
  }

  #attempt<T>({ verb, signal }: Attempted, attempt: number, next: Next<T>): Promise<T> {
    return attemptChannel.run(
      () => ({ backend: this.type, verb, attempt }),
      () => next(signal),
    );
  }

  #split(failures: readonly RemoveFailure[]): readonly [RemoveFailure[], RemoveFailure[]] {
    const transient = failures.filter(({ error }) => isTransient(this.classify(error)));
    return [transient, failures.filter((failure) => !transient.includes(failure))];
  }
}

type Attempted = Omit<BackendCall, "key">;

/** Knows whether a body could still be read from its start. */
class ReplayCheck {
  readonly body: Body;
  #isOpened = false;

  constructor(body: Body) {
    this.body = body.replayable ? body : this.#watch(body);
  }

  get canReplay(): boolean {
    return this.body.replayable || !this.#isOpened;
  }

  #watch(body: Body): Body {
    return changedBody(body, {
      open: () => {
        this.#isOpened = true;
        return body.open();
      },
    });
  }
}
