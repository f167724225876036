import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type BackendCall,
  type Body,
  type CallOptions,
  type Capabilities,
  type CopyOptions,
  type Key,
  LayerBackend,
  type LazyUrl,
  type ListOptions,
  type ListPage,
  type Next,
  type ObjectStat,
  type OpenedObject,
  type Prefix,
  type ReadOptions,
  type RemoveFailure,
  type RemoveOptions,
  type SignOptions,
  type StorageBackend,
  type UnfinishedUpload,
  type UploadedPart,
  type WriteOptions,
} from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";

/** A sound backend, in which each subclass plants one bug. */
class Sound extends LayerBackend<Capabilities> {
  constructor() {
    super(new MemoryBackend({ baseUrl: "http://127.0.0.1:1/files" }));
  }

  protected override intercept<T>(call: BackendCall, next: Next<T>): Promise<T> {
    return next(call.signal);
  }
}

/** Sorts as people would, and not by bytes. */
class SortsByLocale extends Sound {
  override async list(options: ListOptions): Promise<ListPage> {
    const page = await super.list(options);
    return { ...page, items: page.items.toSorted((a, b) => a.key.localeCompare(b.key)) };
  }
}

/** What has arrived of a source that fails is there. */
class TornWrite extends Sound {
  override async write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    const pieces: Uint8Array[] = [];
    try {
      for await (const piece of body.open()) pieces.push(piece);
    } catch (error) {
      await super.write(key, bodyOf(Buffer.concat(pieces), body), options);
      throw error;
    }
    return super.write(key, bodyOf(Buffer.concat(pieces), body), options);
  }
}

/** Looks first and writes then. */
class ChecksThenWrites extends Sound {
  override async write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    const { ifAbsent, ifMatch, ...rest } = options;
    const there = await this.stat(key, options).catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    const isRefused = (ifAbsent && there !== undefined) || (ifMatch !== undefined && there?.etag !== ifMatch);
    const conditions = isRefused ? { ifAbsent, ifMatch } : { ifAbsent: false, ifMatch: undefined };
    return super.write(key, body, { ...rest, ...conditions });
  }
}

/** Keeps system and user data in one bag. */
class MetadataOverStat extends Sound {
  override async stat(key: Key, options: CallOptions): Promise<ObjectStat> {
    const stat = await super.stat(key, options);
    return { ...stat, ...stat.metadata };
  }
}

/** Takes a prefix for a folder. */
class PrefixIsFolder extends Sound {
  override async list(options: ListOptions): Promise<ListPage> {
    const page = await super.list(options);
    const folder =
      options.prefix === "" || options.prefix.endsWith("/") ? options.prefix : `${options.prefix}/`;
    return { ...page, items: page.items.filter(({ key }) => key.startsWith(folder)) };
  }
}

/** Lists more than was asked for, as one that cuts the prefix at its last slash. */
class PrefixWithoutBoundary extends Sound {
  override list(options: ListOptions): Promise<ListPage> {
    const wide = options.prefix.replace(/\/$/, "");
    return super.list({ ...options, prefix: wide as typeof options.prefix });
  }
}

/** ETags made of the content: two writes of the same bytes look like one. */
class EtagOfContent extends Sound {
  override async write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    const stat = await super.write(key, body, options);
    return { ...stat, etag: stat.checksum ?? "" };
  }
}

/** A body reads what is there now, and not what was opened. */
class LateRead extends Sound {
  override async read(key: Key, options: ReadOptions): Promise<OpenedObject> {
    const opened = await super.read(key, options);
    const late = async () => this.inner.read(key, options);
    async function* body() {
      yield* (await late()).body;
    }
    const { stat, start, end } = opened;
    return { stat, start, end, bytes: undefined, body: body(), close: () => opened.close() };
  }
}

/** The last byte of a range is not in it. */
class RangeOffByOne extends Sound {
  override read(key: Key, options: ReadOptions): Promise<OpenedObject> {
    const { range } = options;
    if (range === undefined || "suffix" in range || range.end === undefined) return super.read(key, options);
    return super.read(key, { ...options, range: { ...range, end: Math.max(range.start, range.end - 1) } });
  }
}

/** Deletes what is there, and says that it did so of what is not. */
class DeleteSaysYes extends Sound {
  override async remove(key: Key, options: RemoveOptions): Promise<boolean> {
    await super.remove(key, options);
    return true;
  }
}

/** Its cursor is a count of entries. */
class CursorIsOffset extends Sound {
  override async list(options: ListOptions): Promise<ListPage> {
    const from = options.cursor === undefined ? 0 : Number.parseInt(options.cursor, 10) || 0;
    const all = await super.list({ ...options, cursor: undefined, limit: 1_000_000 });
    const items = all.items.slice(from, from + options.limit);
    const next = from + items.length;
    return { ...all, items, cursor: next < all.items.length ? String(next) : undefined };
  }
}

/** Goes on although nobody waits any more. */
class DeafToSignals extends Sound {
  protected override intercept<T>(_call: BackendCall, next: Next<T>): Promise<T> {
    return next(undefined);
  }
}

/** A copy has the bytes and forgets the rest. */
class CopyForgets extends Sound {
  override async copy(from: Key, to: Key, options: CopyOptions): Promise<ObjectStat> {
    const opened = await this.inner.read(from, { range: undefined, ifMatch: undefined, signal: undefined });
    const bytes = opened.bytes ?? Buffer.alloc(0);
    const body = bodyOf(bytes, { checksum: () => opened.stat.checksum ?? "crc32:00000000" });
    const description = { contentType: "application/octet-stream", filename: undefined, metadata: {} };
    return super.write(to, body, { ...options, ...description });
  }
}

/** Keeps the caller's buffer. */
class KeepsBuffer extends Sound {
  readonly #kept = new Map<Key, Uint8Array<ArrayBuffer>>();

  override async write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    const stat = await super.write(key, body, options);
    if (body.bytes !== undefined) this.#kept.set(key, body.bytes as Uint8Array<ArrayBuffer>);
    return stat;
  }

  override async read(key: Key, options: ReadOptions): Promise<OpenedObject> {
    const opened = await super.read(key, options);
    const kept = this.#kept.get(key);
    if (kept === undefined || options.range !== undefined || kept.length !== opened.stat.size) return opened;
    const { stat, start, end, body } = opened;
    return {
      stat: { ...stat, checksum: undefined },
      start,
      end,
      bytes: kept,
      body,
      close: () => opened.close(),
    };
  }
}

/** Removes whatever is there. */
class RemoveIgnoresVersion extends Sound {
  override remove(key: Key, options: RemoveOptions): Promise<boolean> {
    return super.remove(key, { ...options, ifMatch: undefined });
  }
}

/** Looks at the version first and removes then. */
class ChecksThenRemoves extends Sound {
  override async remove(key: Key, { ifMatch, signal }: RemoveOptions): Promise<boolean> {
    const stat = await this.stat(key, { signal }).catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    const isSame = stat === undefined || ifMatch === undefined || stat.etag === ifMatch;
    return super.remove(key, { ifMatch: isSame ? undefined : ifMatch, signal });
  }
}

/** Copies whatever version is there. */
class CopyIgnoresVersion extends Sound {
  override copy(from: Key, to: Key, options: CopyOptions): Promise<ObjectStat> {
    return super.copy(from, to, { ...options, sourceIfMatch: undefined });
  }
}

/** Looks at the version first and copies then. */
class ChecksThenCopies extends Sound {
  override async copy(from: Key, to: Key, options: CopyOptions): Promise<ObjectStat> {
    const { sourceIfMatch, signal } = options;
    const { etag } = await this.stat(from, { signal });
    await new Promise((resolve) => setImmediate(resolve));
    const isSame = etag === sourceIfMatch;
    return super.copy(from, to, { ...options, sourceIfMatch: isSame ? undefined : sourceIfMatch });
  }
}

/** Describes each copy as its source. */
class CopyKeepsDescription extends Sound {
  override copy(from: Key, to: Key, options: CopyOptions): Promise<ObjectStat> {
    return super.copy(from, to, { ...options, description: undefined });
  }
}

/** Tells what is staged below any prefix above it. */
class ListsStaged extends Sound {
  override async list(options: ListOptions): Promise<ListPage> {
    const prefix = ".svc-infra/staging/" as Prefix;
    const page = await super.list(options);
    if (options.prefix === "" || options.prefix === prefix || !prefix.startsWith(options.prefix)) return page;
    const { items } = await super.list({ ...options, prefix, cursor: undefined });
    return { ...page, items: [...items, ...page.items] };
  }
}

/** Does not tell uploads that nobody completes. */
class ForgetsUploads extends Sound {
  override async *unfinished(): AsyncGenerator<UnfinishedUpload> {}
}

/** Takes for all what its service takes at once. */
class RemovesOneBatch extends Sound {
  override removeMany(keys: readonly Key[], options: CallOptions): Promise<readonly RemoveFailure[]> {
    return super.removeMany(keys.slice(0, 256), options);
  }
}

/** Its URLs lead to another object, and what is sent there is not kept. */
class SignsAnother extends Sound {
  override async signer(): Promise<undefined> {
    return undefined;
  }

  override async sign(_key: Key, { contentType }: SignOptions): Promise<LazyUrl> {
    const server = createServer(({ headers, method }, response) => {
      response.statusCode = method === "PUT" && headers["content-type"] !== contentType ? 403 : 200;
      response.end("another");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    server.unref();
    return () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }
}

/** Keeps what every service knows, and no other field. */
class FieldsForgotten extends Sound {
  override write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    return super.write(key, body, { ...options, contentLanguage: undefined });
  }
}

/** Tells parts in the order in which they came, and replaced ones too. */
class PartsAsTheyCame extends Sound {
  readonly #parts: UploadedPart[] = [];

  override async writePart(...call: Parameters<StorageBackend["writePart"]>): Promise<UploadedPart> {
    const part = await super.writePart(...call);
    this.#parts.push(part);
    return part;
  }

  override async listParts(): Promise<readonly UploadedPart[]> {
    return this.#parts;
  }
}

/** Throws on what it does not know. */
class ClassifyThrows extends Sound {
  override classify(error: unknown) {
    if (!(error instanceof Error)) throw new TypeError("what is this?");
    return super.classify(error);
  }
}

function bodyOf(bytes: Uint8Array, { checksum }: Pick<Body, "checksum">): Body {
  return {
    bytes,
    size: bytes.byteLength,
    replayable: true,
    checksum,
    async *open() {
      if (bytes.byteLength > 0) yield bytes;
    },
  };
}

/** Each with words of the rule that finds it. */
export const brokenBackends: readonly (readonly [make: new () => StorageBackend, rule: RegExp])[] = [
  [SortsByLocale, /order of their bytes/],
  [TornWrite, /source that fails leaves the old object/],
  [ChecksThenWrites, /writers with ifAbsent exactly one wins/],
  [MetadataOverStat, /never takes the place of what the system knows/],
  [PrefixIsFolder, /plain start of keys/],
  [PrefixWithoutBoundary, /t\/1 never touches t\/10/],
  [EtagOfContent, /another ETag/],
  [LateRead, /keeps the version it opened while the object is replaced/],
  [RangeOffByOne, /a range gives those bytes/],
  [DeleteSaysYes, /delete says whether there was an object/],
  [CursorIsOffset, /moves nothing else/],
  [DeafToSignals, /write whose source hangs is aborted at once|signal has fired already/],
  [CopyForgets, /the whole description/],
  [KeepsBuffer, /does to its bytes after a write changes nothing/],
  [ClassifyThrows, /never throws/],
  [RemoveIgnoresVersion, /delete with ifMatch deletes only that version/],
  [ChecksThenRemoves, /a delete with ifMatch never deletes a put/],
  [CopyIgnoresVersion, /a copy with sourceIfMatch copies only/],
  [ChecksThenCopies, /also when it races with a put/],
  [CopyKeepsDescription, /a copy that is given a description/],
  [ListsStaged, /what is staged/],
  [ForgetsUploads, /told as unfinished/],
  [RemovesOneBatch, /more than a thousand/],
  [SignsAnother, /a signed URL reads its object|takes only the content type/],
  [FieldsForgotten, /fields of the content come back/],
  [PartsAsTheyCame, /the parts of an upload are listed/],
];

/** Takes and gives half as much metadata as others do. */
class LittleMetadata extends Sound {
  override readonly capabilities = { ...new MemoryBackend().capabilities, maxMetadataBytes: 1000 };
}

/** Gives a body as one piece. */
class OnePiece extends Sound {
  override async read(key: Key, options: ReadOptions): Promise<OpenedObject> {
    const opened = await super.read(key, options);
    const { stat, start, end } = opened;
    const pieces: Uint8Array[] = [];
    for await (const piece of opened.body) pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    const body = bodyOf(bytes, { checksum: () => "crc32:00000000" }).open();
    return { stat, start, end, bytes, body, close: () => opened.close() };
  }
}

/** What the contract allows, each with words of the rule that must not refuse it. */
export const unusualBackends: readonly (readonly [make: new () => StorageBackend, rule: RegExp])[] = [
  [LittleMetadata, /as much metadata as is allowed/],
  [OnePiece, /between two pieces/],
];
