import { randomBytes } from "node:crypto";
import type { ObjectDescription, ObjectStat, WriteConditions } from "../../contract/backend.js";
import type { Checksum } from "../../contract/checksum.js";
import type { Key } from "../../contract/key.js";
import { anotherVersion, refusal } from "../../contract/service-error.js";
import type { ByteBudget } from "./byte-budget.js";
import { entryBytes } from "./entry-bytes.js";
import { SortedNames } from "./sorted-names.js";

/** One version of an object. Its bytes never change, so that readers and copies may share them. */
export interface StoredObject {
  readonly description: ObjectDescription;
  readonly bytes: Buffer;
  readonly checksum: Checksum;
  /** Another one after every write to any key; the ETag is made of it when it is asked for. */
  readonly version: number;
  /** Milliseconds since the epoch. */
  readonly writtenAt: number;
  /** Bytes of the budget that it takes: content, key, description and overhead. */
  readonly heldBytes: number;
}

/** What is to be published. */
export interface NewObject {
  readonly description: ObjectDescription;
  readonly bytes: Buffer;
  readonly checksum: Checksum;
  /** Bytes of the budget that are taken for it already. */
  readonly reservedBytes: number;
}

/** The objects by key. Each change is one synchronous step, which is what makes conditions atomic. */
export class ObjectTable {
  readonly names: SortedNames<Key> = new SortedNames(() => this.#objects.keys());
  readonly #objects = new Map<Key, StoredObject>();
  readonly #budget: ByteBudget;
  /** Other processes and instances must not make the same ETags. As it is always as long, no separator is needed. */
  readonly #origin = randomBytes(6).toString("base64url");
  #version = 0;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  get(key: Key): StoredObject {
    const object = this.#objects.get(key);
    if (object === undefined) throw refusal("not_found", "there is no such object");
    return object;
  }

  publish(key: Key, object: NewObject, conditions: WriteConditions, now: number): StoredObject {
    const old = this.#objects.get(key);
    this.#checkConditions(old, conditions);
    const { bytes, checksum, description } = object;
    const heldBytes = bytes.length + entryBytes(key, description);
    this.#budget.reserve(heldBytes - (old?.heldBytes ?? 0) - object.reservedBytes);
    const stored = { bytes, checksum, description, version: this.#version++, writtenAt: now, heldBytes };
    if (old === undefined) this.names.add(key);
    else this.#objects.delete(key);
    this.#objects.set(key, stored);
    return stored;
  }

  /** @param ifMatch - the only version that may be removed. */
  remove(key: Key, ifMatch?: string): boolean {
    const old = this.#objects.get(key);
    if (old === undefined) return false;
    this.checkVersion(old, ifMatch);
    this.#objects.delete(key);
    this.names.remove(key);
    this.#budget.release(old.heldBytes);
    return true;
  }

  /** Removes what was written at or before `time`; returns when the next one was written. The map is in that order. */
  removeUntil(time: number): number | undefined {
    for (const [key, { writtenAt }] of this.#objects) {
      if (writtenAt > time) return writtenAt;
      this.remove(key);
    }
    return undefined;
  }

  /** Refuses an object that is another version than the one that was asked for. */
  checkVersion(object: StoredObject | undefined, etag: string | undefined): void {
    if (etag === undefined || (object !== undefined && this.etagOf(object) === etag)) return;
    throw anotherVersion();
  }

  etagOf({ version }: StoredObject): string {
    return this.#origin + version.toString(36);
  }

  /** What is told of an object; made anew each time, since dates can be changed. */
  statOf(key: Key, object: StoredObject): ObjectStat {
    const { description } = object;
    return {
      key,
      size: object.bytes.length,
      contentType: description.contentType,
      etag: this.etagOf(object),
      lastModified: new Date(object.writtenAt),
      filename: description.filename,
      metadata: description.metadata,
      checksum: object.checksum,
      cacheControl: description.cacheControl,
      contentEncoding: description.contentEncoding,
      contentDisposition: description.contentDisposition,
      contentLanguage: description.contentLanguage,
    };
  }

  #checkConditions(old: StoredObject | undefined, { ifAbsent, ifMatch }: WriteConditions): void {
    if (ifAbsent && old !== undefined) throw refusal("precondition_failed", "there is an object already");
    this.checkVersion(old, ifMatch);
  }
}
