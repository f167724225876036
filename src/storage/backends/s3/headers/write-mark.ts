import { randomBytes } from "node:crypto";
import type { Checksum } from "../../../contract/checksum.js";

/** What the backend notes of a write in the object's metadata. */
export interface WriteMark {
  /** Another one for every write, which makes the ETag another one for the same bytes. */
  readonly id: string;
  /** The checksum of the whole content, where it was known when the description was sent. */
  readonly checksum: Checksum | undefined;
  /** When the write began, in whole seconds; `undefined` for uploads in parts. */
  readonly time: Date | undefined;
}

/** Makes the marks of one backend; others make others. */
export class WriteMarks {
  readonly #origin = randomBytes(9).toString("base64url");
  readonly #now: () => number;
  #count = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The mark of a write that is done at once. */
  now(checksum: Checksum | undefined): WriteMark & { readonly time: Date } {
    const time = new Date(Math.floor(this.#now() / 1000) * 1000);
    return { id: this.#next(), checksum, time };
  }

  /** The mark of a write that is done later. */
  later(checksum: Checksum | undefined): WriteMark {
    return { id: this.#next(), checksum, time: undefined };
  }

  #next(): string {
    return `${this.#origin}${(this.#count++).toString(36).padStart(4, "0")}`;
  }
}

const form = /^1\.([\w-]{16,40})\.([0-9a-f]{8})?\.([0-9a-z]{1,9})?$/;

/** The mark as text. */
export function formatMark({ id, checksum, time }: WriteMark): string {
  const crc = checksum?.startsWith("crc32:") ? checksum.slice("crc32:".length) : "";
  const seconds = time === undefined ? "" : Math.floor(time.getTime() / 1000).toString(36);
  return `1.${id}.${crc}.${seconds}`;
}

/** The mark that a text is, if it is one. */
export function parseMark(text: string | undefined): WriteMark | undefined {
  const [, id, crc, seconds] = form.exec(text ?? "") ?? [];
  if (id === undefined) return undefined;
  return {
    id,
    checksum: crc === undefined ? undefined : `crc32:${crc}`,
    time: seconds === undefined ? undefined : new Date(Number.parseInt(seconds, 36) * 1000),
  };
}
