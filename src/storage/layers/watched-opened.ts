import type { Bytes, ObjectStat, OpenedObject } from "../contract/backend.js";

/** An opened object whose body is another one: what a layer makes of it. */
export class WatchedOpened implements OpenedObject {
  readonly stat: ObjectStat;
  readonly start: number;
  readonly end: number;
  readonly bytes: undefined;
  readonly body: Bytes;
  readonly #close: () => Promise<void>;

  constructor(opened: OpenedObject, body: Bytes, close: () => Promise<void>) {
    this.stat = opened.stat;
    this.start = opened.start;
    this.end = opened.end;
    this.body = body;
    this.#close = close;
  }

  close(): Promise<void> {
    return this.#close();
  }
}
