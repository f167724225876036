import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import {
  type BackendCall,
  type Capabilities,
  LayerBackend,
  type ListOptions,
  type ListPage,
  type Next,
  type ObjectStat,
  type OpenedObject,
  Storage,
  type StorageBackend,
  type Verb,
} from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { expect, onTestFinished } from "vitest";
import { Journal } from "#dist/storage/transfer/journal.js";
import { Transfer, type TransferOptions } from "#dist/storage/transfer/transfer.js";

/** A memory that remembers what it was asked, and can do wrong. */
export class WatchedBackend extends LayerBackend<Capabilities> {
  readonly calls: { readonly verb: Verb; readonly key: string | undefined }[] = [];
  /** Called before each call; what it throws is what the call fails with. */
  onCall: (call: BackendCall) => void = () => undefined;
  /** What a service makes of the times it tells. */
  timeOf: (date: Date) => Date = (date) => date;
  /** Content that is given instead of what is stored. */
  given: Uint8Array | undefined;
  knowsChecksums = true;

  constructor(inner: StorageBackend = new MemoryBackend()) {
    super(inner);
  }

  /** How often a verb was asked for since {@link forget}. */
  count(verb: Verb): number {
    return this.calls.filter((call) => call.verb === verb).length;
  }

  forget(): void {
    this.calls.length = 0;
  }

  override async list(options: ListOptions): Promise<ListPage> {
    const page = await super.list(options);
    const items = page.items.map((item) => ({
      ...item,
      lastModified: item.lastModified && this.timeOf(item.lastModified),
    }));
    return { ...page, items };
  }

  override async stat(...call: Parameters<StorageBackend["stat"]>): Promise<ObjectStat> {
    return this.#known(await super.stat(...call));
  }

  override async read(...call: Parameters<StorageBackend["read"]>): Promise<OpenedObject> {
    const opened = await super.read(...call);
    const { start, end } = opened;
    const body = this.given === undefined ? opened.body : Readable.from([this.given]);
    const stat = this.#known(opened.stat);
    return { stat, start, end, bytes: undefined, body, close: () => opened.close() };
  }

  #known(stat: ObjectStat): ObjectStat {
    return this.knowsChecksums ? stat : { ...stat, checksum: undefined };
  }

  protected override async intercept<T>(call: BackendCall, next: Next<T>): Promise<T> {
    this.calls.push({ verb: call.verb, key: call.key });
    this.onCall(call);
    return next(call.signal);
  }
}

/** Two storages in memory. */
export function memoryEnds() {
  const [from, to] = [new WatchedBackend(), new WatchedBackend()];
  return { from, to, source: new Storage<Capabilities>(from), target: new Storage<Capabilities>(to) };
}

/** A file name that is free, in a folder that is gone when the test is. */
export function journalFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "svc-infra-journal-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "sub", "journal.jsonl");
}

/** Runs a transfer to its end and tells what it did; a journal is opened and closed as each process would. */
export async function run(
  options: Pick<TransferOptions, "source" | "target"> & Partial<TransferOptions> & { readonly path?: string },
) {
  const { path, ...given } = options;
  const journal =
    path === undefined ? undefined : await Journal.open(path, { route: "a → b", isReadOnly: false });
  const transfer = new Transfer({
    prefix: "",
    concurrency: 3,
    isVerified: false,
    isDryRun: false,
    signal: new AbortController().signal,
    ...given,
    journal: given.journal ?? journal,
  });
  try {
    await transfer.run();
  } finally {
    journal?.close();
  }
  const { copied, unchanged, failures } = transfer.state;
  return { copied: copied.objects, unchanged: unchanged.objects, failures, state: transfer.state };
}

/** Calls at once, where they are many. */
const atOnce = 24;

/** What there is to know of every object, but for what each write makes anew; in the order of the keys. */
export async function contentsOf(storage: Storage): Promise<ReadonlyMap<string, unknown>> {
  const keys: string[] = [];
  for await (const key of storage.listAllKeys()) keys.push(key);
  const contents = new Map<string, unknown>(keys.map((key) => [key, undefined]));
  await forEach(keys, async (key) => {
    const { size, contentType, filename, metadata, body } = await storage.open(key);
    const sha256 = createHash("sha256")
      .update(await body.bytes())
      .digest("hex");
    contents.set(key, { size, contentType, filename, metadata, sha256 });
  });
  return contents;
}

async function forEach<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** Every object is at both ends, the same to the last byte and pair, and nothing else is at either. */
export async function expectSame(source: Storage, target: Storage): Promise<void> {
  const [from, to] = await Promise.all([contentsOf(source), contentsOf(target)]);
  expect(to.size).toBe(from.size);
  expect(to).toEqual(from);
}

/** Puts objects of sizes from nothing to beyond what is held at once. */
export async function fill(storage: Storage, count: number): Promise<void> {
  await forEach([...Array(count).keys()], (index) => {
    const key = `t/${index % 7}/file-${index}.bin`;
    const content = Buffer.alloc(index === 3 ? 3_000_000 : (index * 17) % 20_000, index);
    return storage.put(key, content, {
      contentType: index % 2 === 0 ? "application/x-even" : 'text/plain; charset="utf-8"',
      filename: index % 3 === 0 ? undefined : `報告書 ${index}.pdf`,
      metadata: index % 5 === 0 ? {} : { index: String(index), owner: "Zoë <z@example.com>" },
    });
  });
}
