import type { Capabilities, Layer, ListOptions, ListPage, StorageBackend } from "../contract/backend.js";
import { InvalidKeyError } from "../contract/error.js";
import { type Key, maxKeyLength, type Prefix, parseKey, parsePrefix, stagingRoot } from "../contract/key.js";
import { Opened, readerOf } from "../contract/opened.js";

/**
 * Shows only what lies below `start`, under keys without it: a tenant's view.
 *
 * Nothing outside can be named, because a checked key cannot climb. Signed URLs carry the full key.
 *
 * @param start - a path that ends in `/`, so that `t/1/` never touches `t/10/`.
 * @throws InvalidKeyError when it does not follow the rules of keys.
 */
export function prefix(start: string): Layer {
  parseKey(typeof start === "string" ? start.replace(/\/$/, "") : start);
  const root = parsePrefix(start.endsWith("/") ? start : `${start}/`);
  return (inner) => new PrefixedBackend(inner, root);
}

class PrefixedBackend<C extends Capabilities> implements StorageBackend<C> {
  readonly name: string;
  readonly type: string;
  readonly capabilities: C;
  readonly #inner: StorageBackend<C>;
  readonly #root: Prefix;

  constructor(inner: StorageBackend<C>, root: Prefix) {
    this.name = inner.name;
    this.type = inner.type;
    this.capabilities = inner.capabilities;
    this.#inner = inner;
    this.#root = root;
  }

  /** A message may name keys, and callers of the view must not see what lies above it. */
  classify(error: unknown) {
    const failure = this.#inner.classify(error);
    const { message } = failure;
    return message === undefined ? failure : { ...failure, message: this.#hideRoot(message) };
  }

  async stat(key: Key, options: Parameters<StorageBackend["stat"]>[1]) {
    return this.#shorten(await this.#inner.stat(this.#extend(key), options));
  }

  async read(key: Key, options: Parameters<StorageBackend["read"]>[1]) {
    const opened = await this.#inner.read(this.#extend(key), options);
    return new Opened(this.#shorten(opened.stat), opened, readerOf(opened), opened.bytes);
  }

  async write(
    key: Key,
    body: Parameters<StorageBackend["write"]>[1],
    options: Parameters<StorageBackend["write"]>[2],
  ) {
    return this.#shorten(await this.#inner.write(this.#extend(key), body, options));
  }

  async copy(from: Key, to: Key, options: Parameters<StorageBackend["copy"]>[2]) {
    return this.#shorten(await this.#inner.copy(this.#extend(from), this.#extend(to), options));
  }

  remove(key: Key, options: Parameters<StorageBackend["remove"]>[1]) {
    return this.#inner.remove(this.#extend(key), options);
  }

  async removeMany(keys: readonly Key[], options: Parameters<StorageBackend["removeMany"]>[1]) {
    const extended = keys.map((key) => this.#extend(key));
    return (await this.#inner.removeMany(extended, options)).map((failure) => this.#shorten(failure));
  }

  async list(options: ListOptions): Promise<ListPage> {
    this.#checkLength(options.prefix);
    const isStaging = options.prefix.startsWith(stagingRoot);
    const prefix = isStaging ? this.#extendStaged(options.prefix) : parsePrefix(this.#root + options.prefix);
    const page = await this.#inner.list({ ...options, prefix });
    return {
      items: page.items.map((item) => this.#shorten(item)),
      prefixes: page.prefixes.map((each) => this.#shortName(each)),
      cursor: page.cursor,
      ...(page.passedOver && { passedOver: page.passedOver.map((each) => each.slice(this.#root.length)) }),
    };
  }

  sign(key: Key, options: Parameters<StorageBackend["sign"]>[1]) {
    return this.#inner.sign(this.#extend(key), options);
  }

  signer() {
    return this.#inner.signer();
  }

  signUpload(key: Key, options: Parameters<StorageBackend["signUpload"]>[1]) {
    return this.#inner.signUpload(this.#extend(key), options);
  }

  createUpload(key: Key, options: Parameters<StorageBackend["createUpload"]>[1]) {
    return this.#inner.createUpload(this.#extend(key), options);
  }

  writePart(key: Key, ...rest: Tail<Parameters<StorageBackend["writePart"]>>) {
    return this.#inner.writePart(this.#extend(key), ...rest);
  }

  listParts(key: Key, ...rest: Tail<Parameters<StorageBackend["listParts"]>>) {
    return this.#inner.listParts(this.#extend(key), ...rest);
  }

  async completeUpload(key: Key, ...rest: Tail<Parameters<StorageBackend["completeUpload"]>>) {
    return this.#shorten(await this.#inner.completeUpload(this.#extend(key), ...rest));
  }

  abortUpload(key: Key, ...rest: Tail<Parameters<StorageBackend["abortUpload"]>>) {
    return this.#inner.abortUpload(this.#extend(key), ...rest);
  }

  async *unfinished(options: Parameters<StorageBackend["unfinished"]>[0]) {
    for await (const upload of this.#inner.unfinished(options)) {
      const { key } = upload;
      const isOwn = key.startsWith(this.#root) || key.startsWith(stagingRoot + this.#root);
      if (isOwn) yield this.#shorten(upload);
    }
  }

  close() {
    return this.#inner.close();
  }

  #extend(key: Key): Key {
    this.#checkLength(key);
    return key.startsWith(stagingRoot) ? this.#extendStaged(key) : parseKey(this.#root + key);
  }

  /** What is staged for a view lies below its prefix inside of staging, where no other view finds it. */
  #extendStaged<T extends Key | Prefix>(name: T): T {
    return `${stagingRoot}${this.#root}${name.slice(stagingRoot.length)}` as T;
  }

  #shortName(name: string): string {
    if (!name.startsWith(stagingRoot)) return name.slice(this.#root.length);
    return stagingRoot + name.slice(stagingRoot.length + this.#root.length);
  }

  /** Its message names no key, which a prefix around this one would have made longer. */
  #checkLength(name: Key | Prefix): void {
    const longest = maxKeyLength - this.#root.length;
    if (name.length > longest)
      throw new InvalidKeyError({ message: `key is longer than ${longest} characters` });
  }

  /** Keys in messages are quoted; elsewhere the same letters mean something else. */
  #hideRoot(message: string): string {
    return message.replaceAll(`'${this.#root}`, "'").replaceAll(`"${this.#root}`, '"');
  }

  #shorten<T extends { readonly key: Key }>(named: T): T {
    return { ...named, key: this.#shortName(named.key) };
  }
}

type Tail<Parameters extends readonly unknown[]> = Parameters extends readonly [unknown, ...infer Rest]
  ? Rest
  : never;
