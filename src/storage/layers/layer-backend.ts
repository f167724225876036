import type {
  Body,
  CallOptions,
  Capabilities,
  CopyOptions,
  DirectOptions,
  DirectRequest,
  Failure,
  LazyUrl,
  ListOptions,
  ListPage,
  ObjectDescription,
  ObjectStat,
  OpenedObject,
  ReadOptions,
  RemoveFailure,
  RemoveOptions,
  SignOptions,
  StorageBackend,
  UnfinishedOptions,
  UnfinishedUpload,
  UploadedPart,
  WriteConditions,
  WriteOptions,
} from "../contract/backend.js";
import { StorageError } from "../contract/error.js";
import type { Key } from "../contract/key.js";
import type { UrlSigner } from "../contract/signed-url.js";

/** What a backend can be asked for; a closed set, fit for a metrics label. */
export type Verb = Exclude<
  keyof StorageBackend,
  "name" | "type" | "capabilities" | "classify" | "unfinished" | "close"
>;

/** One call to the backend. */
export interface BackendCall {
  readonly verb: Verb;
  /** The first key, where the verb has one. */
  readonly key: Key | undefined;
  readonly signal: AbortSignal | undefined;
  /**
   * Whether it may be done twice. Where the outcome depends on the stored object, a repetition may meet its own first
   * attempt.
   */
  readonly isRepeatable: boolean;
}

/** Calls the backend, with the call's signal or another one. */
export type Next<T> = (signal: AbortSignal | undefined) => Promise<T>;

/**
 * A backend around a backend: every verb passes {@link intercept}, so a layer says once what it does to all.
 * A verb that the contract gets and that is forgotten here does not compile.
 */
export abstract class LayerBackend<C extends Capabilities> implements StorageBackend<C> {
  readonly name: string;
  readonly type: string;
  readonly capabilities: C;
  protected readonly inner: StorageBackend<C>;

  constructor(inner: StorageBackend<C>) {
    this.name = inner.name;
    this.type = inner.type;
    this.capabilities = inner.capabilities;
    this.inner = inner;
  }

  /** Does what the layer is for, and calls `next` as often as it takes. */
  protected abstract intercept<T>(call: BackendCall, next: Next<T>): Promise<T>;

  /** Classifies a failure, for a layer that acts upon it; an abort by the caller counts as `aborted`. */
  protected failureOf(error: unknown, signal: AbortSignal | undefined): Failure {
    if (signal?.aborted === true) {
      const { reason } = signal;
      return { code: reason instanceof Error && reason.name === "TimeoutError" ? "timeout" : "aborted" };
    }
    return this.classify(error);
  }

  classify(error: unknown): Failure {
    if (error instanceof StorageError) {
      const { code, message, retryAfterMs } = error;
      return { code, message, retryAfterMs };
    }
    return this.inner.classify(error);
  }

  stat(key: Key, options: CallOptions): Promise<ObjectStat> {
    return this.intercept(plain("stat", key, options), (signal) =>
      this.inner.stat(key, withSignal(options, signal)),
    );
  }

  read(key: Key, options: ReadOptions): Promise<OpenedObject> {
    return this.intercept(plain("read", key, options), (signal) =>
      this.inner.read(key, withSignal(options, signal)),
    );
  }

  write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    return this.intercept(conditional("write", key, options), (signal) =>
      this.inner.write(key, body, withSignal(options, signal)),
    );
  }

  copy(from: Key, to: Key, options: CopyOptions): Promise<ObjectStat> {
    return this.intercept(conditional("copy", from, options), (signal) =>
      this.inner.copy(from, to, withSignal(options, signal)),
    );
  }

  remove(key: Key, options: RemoveOptions): Promise<boolean> {
    const isRepeatable = options.ifMatch === undefined;
    return this.intercept({ ...plain("remove", key, options), isRepeatable }, (signal) =>
      this.inner.remove(key, withSignal(options, signal)),
    );
  }

  removeMany(keys: readonly Key[], options: CallOptions): Promise<readonly RemoveFailure[]> {
    return this.intercept(plain("removeMany", undefined, options), (signal) =>
      this.inner.removeMany(keys, withSignal(options, signal)),
    );
  }

  list(options: ListOptions): Promise<ListPage> {
    return this.intercept(plain("list", undefined, options), (signal) =>
      this.inner.list(withSignal(options, signal)),
    );
  }

  sign(key: Key, options: SignOptions): LazyUrl | Promise<LazyUrl> {
    return this.intercept(plain("sign", key, undefined), async () => this.inner.sign(key, options));
  }

  signer(): Promise<UrlSigner | undefined> {
    return this.intercept(plain("signer", undefined, undefined), () => this.inner.signer());
  }

  signUpload(key: Key, options: DirectOptions): Promise<DirectRequest> {
    return this.intercept(plain("signUpload", key, options), (signal) =>
      this.inner.signUpload(key, withSignal(options, signal)),
    );
  }

  createUpload(key: Key, options: ObjectDescription & CallOptions): Promise<string> {
    return this.intercept({ ...plain("createUpload", key, options), isRepeatable: false }, (signal) =>
      this.inner.createUpload(key, withSignal(options, signal)),
    );
  }

  writePart(
    key: Key,
    uploadId: string,
    number: number,
    body: Body,
    options: CallOptions,
  ): Promise<UploadedPart> {
    return this.intercept(plain("writePart", key, options), (signal) =>
      this.inner.writePart(key, uploadId, number, body, withSignal(options, signal)),
    );
  }

  listParts(key: Key, uploadId: string, options: CallOptions): Promise<readonly UploadedPart[]> {
    return this.intercept(plain("listParts", key, options), (signal) =>
      this.inner.listParts(key, uploadId, withSignal(options, signal)),
    );
  }

  completeUpload(
    key: Key,
    uploadId: string,
    parts: readonly UploadedPart[],
    options: CallOptions & WriteConditions,
  ): Promise<ObjectStat> {
    return this.intercept({ ...plain("completeUpload", key, options), isRepeatable: false }, (signal) =>
      this.inner.completeUpload(key, uploadId, parts, withSignal(options, signal)),
    );
  }

  abortUpload(key: Key, uploadId: string, options: CallOptions): Promise<void> {
    return this.intercept(plain("abortUpload", key, options), (signal) =>
      this.inner.abortUpload(key, uploadId, withSignal(options, signal)),
    );
  }

  /** Not a call to be timed or tried again: it goes straight through. */
  unfinished(options: UnfinishedOptions): AsyncIterable<UnfinishedUpload> {
    return this.inner.unfinished(options);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

/** The options with another signal; the same ones where it is theirs. */
function withSignal<O extends CallOptions>(options: O, signal: AbortSignal | undefined): O {
  return options.signal === signal ? options : { ...options, signal };
}

function plain(verb: Verb, key: Key | undefined, options: CallOptions | undefined): BackendCall {
  return { verb, key, signal: options?.signal, isRepeatable: true };
}

function conditional(verb: Verb, key: Key, options: CallOptions & WriteConditions): BackendCall {
  const isRepeatable = !options.ifAbsent && options.ifMatch === undefined;
  return { verb, key, signal: options.signal, isRepeatable };
}
