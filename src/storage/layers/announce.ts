import type {
  Body,
  CallOptions,
  Capabilities,
  CopyOptions,
  Layer,
  ObjectStat,
  RemoveFailure,
  RemoveOptions,
  StorageBackend,
  UploadedPart,
  WriteConditions,
  WriteOptions,
} from "../contract/backend.js";
import { BackendUnavailableError } from "../contract/error.js";
import { isStaged, type Key } from "../contract/key.js";
import { checkMethods } from "../contract/storage-options.js";
import { type BackendCall, LayerBackend, type Next } from "./layer-backend.js";

/** Milliseconds within which a failed call is repeated. */
const recentMs = 60 * 60 * 1000;
/** How a call fails that meets what it did before. */
const repeatedCodes: ReadonlySet<string> = new Set(["precondition_failed", "not_found"]);

/** Who is told of objects. Each call resolves when the news is kept. */
export interface ObjectNews {
  created(object: ObjectStat): Promise<void>;
  deleted(keys: readonly Key[]): Promise<void>;
}

/**
 * Tells what became of objects, never before it can be seen. A call that changed the storage and whose news could not be
 * kept fails with `unavailable`; repeating it tells the news. So that no repetition is lost, news is told at least once:
 * of each removal that was asked for, also of what is not there, and of an object of the last hour that a condition met.
 */
export function announce(news: ObjectNews): Layer {
  checkMethods(news, ["created", "deleted"], "announce takes an object with the methods created and deleted");
  return (inner) => new AnnouncingBackend(inner, news);
}

class AnnouncingBackend<C extends Capabilities> extends LayerBackend<C> {
  readonly #news: ObjectNews;

  constructor(inner: StorageBackend<C>, news: ObjectNews) {
    super(inner);
    this.#news = news;
  }

  protected override intercept<T>(call: BackendCall, next: Next<T>): Promise<T> {
    return next(call.signal);
  }

  override async write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    return this.#written(key, super.write(key, body, options), options);
  }

  override async copy(from: Key, to: Key, options: CopyOptions): Promise<ObjectStat> {
    return this.#written(to, super.copy(from, to, options), options);
  }

  override async completeUpload(
    key: Key,
    uploadId: string,
    parts: readonly UploadedPart[],
    options: CallOptions & WriteConditions,
  ): Promise<ObjectStat> {
    return this.#written(key, super.completeUpload(key, uploadId, parts, options), options);
  }

  override async remove(key: Key, options: RemoveOptions): Promise<boolean> {
    const wasThere = await super.remove(key, options);
    await this.#deleted([key]);
    return wasThere;
  }

  override async removeMany(keys: readonly Key[], options: CallOptions): Promise<readonly RemoveFailure[]> {
    const failures = await super.removeMany(keys, options);
    const left = new Set<string>(failures.map(({ key }) => key));
    await this.#deleted(keys.filter((key) => !left.has(key)));
    return failures;
  }

  /**
   * A repeated call with a condition, and a repeated completion, fail: they meet what the first call left. Its news may not
   * have been kept.
   */
  async #written(key: Key, writing: Promise<ObjectStat>, { signal }: CallOptions): Promise<ObjectStat> {
    try {
      return await this.#created(await writing);
    } catch (error) {
      if (repeatedCodes.has(this.classify(error).code)) await this.#tellRecent(key, signal);
      throw error;
    }
  }

  async #tellRecent(key: Key, signal: AbortSignal | undefined): Promise<void> {
    const stat = await super.stat(key, { signal }).catch(() => undefined);
    const age = stat === undefined ? Number.POSITIVE_INFINITY : Date.now() - stat.lastModified.getTime();
    if (stat !== undefined && age <= recentMs) await this.#created(stat);
  }

  async #created(stat: ObjectStat): Promise<ObjectStat> {
    if (!isStaged(stat.key)) await kept(this.#news.created(stat));
    return stat;
  }

  /** What is staged for an upload is no object yet. */
  async #deleted(keys: readonly Key[]): Promise<void> {
    const objects = keys.filter((key) => !isStaged(key));
    if (objects.length > 0) await kept(this.#news.deleted(objects));
  }
}

async function kept(news: Promise<void>): Promise<void> {
  try {
    await news;
  } catch (cause) {
    const message = "the storage was changed, but its event could not be kept; repeat the call";
    throw new BackendUnavailableError({ message, cause });
  }
}
