import { badRequest } from "../../../http/index.js";
import type { Bytes } from "../../contract/backend.js";
import {
  describePart,
  type FileClaim,
  fieldLimits,
  fileOf,
  type PartDescription,
  textOf,
} from "./form-entry.js";
import { type FormPart, FormParts } from "./form-parts.js";

/** One file of a form, before its content is read; all of it is what the sender says. */
export interface IncomingFile extends FileClaim {
  /** Name of the form's input. */
  readonly field: string;
  /** 0 for the first file of the form. */
  readonly index: number;
}

/** A file with its content, which must be read before the next file is asked for. */
export interface OpenedPart {
  readonly file: IncomingFile;
  /** It ends only when what follows is known to be sound: the next file, or the end of the form. */
  readonly content: Bytes;
}

/** A form with any number of files and fields (RFC 7578), read at the pace of the reader. */
export class IncomingForm {
  /** The fields that have come. */
  readonly fields: URLSearchParams = new URLSearchParams();
  readonly #parts: FormParts;
  readonly #maxFiles: number;
  #files = 0;
  #fields = 0;
  /** What follows the file that was read: looked up already, so that a cut form cuts that file. */
  #ahead: { readonly next: OpenedPart | undefined } | undefined;

  constructor(source: Bytes, { boundary, maxFiles }: { boundary: string; maxFiles: number }) {
    this.#parts = new FormParts(source, boundary, 2 * maxFiles + fieldLimits.fields);
    this.#maxFiles = maxFiles;
  }

  /**
   * The next file, or `undefined` at the end of a form that is sound.
   *
   * @throws HttpError for a form that is not, or that has too many files or fields.
   */
  async nextFile(): Promise<OpenedPart | undefined> {
    const { next } = this.#ahead ?? { next: await this.#seek() };
    this.#ahead = undefined;
    return next;
  }

  /** Stops reading. */
  stop(): void {
    this.#parts.stop();
  }

  async #seek(): Promise<OpenedPart | undefined> {
    for (let part = await this.#parts.next(); part !== undefined; part = await this.#parts.next()) {
      const described = describePart(part);
      if (described.filename === undefined) await this.#addField(described, part);
      else {
        const opened = await this.#openFile(described, part);
        if (opened !== undefined) return opened;
      }
    }
    return undefined;
  }

  async #addField({ name }: PartDescription, part: FormPart): Promise<void> {
    this.#fields += 1;
    if (this.#fields > fieldLimits.fields) throw badRequest(`more than ${fieldLimits.fields} fields`);
    this.fields.append(name, await textOf(part, name));
  }

  /** Browsers send an input that was left empty as a file without name and bytes; it does not count. */
  async #openFile(described: PartDescription, part: FormPart): Promise<OpenedPart | undefined> {
    const pieces = part.body[Symbol.asyncIterator]();
    const first = await pieces.next();
    if (first.done === true && described.filename === "") return undefined;
    const index = this.#files;
    this.#files += 1;
    if (this.#files > this.#maxFiles) throw badRequest(`the form has more than ${this.#maxFiles} files`);
    return {
      file: { field: described.name, index, ...fileOf(described, part) },
      content: this.#contentOf(first, pieces),
    };
  }

  async *#contentOf(first: IteratorResult<Uint8Array>, rest: AsyncIterator<Uint8Array>): Bytes {
    for (let piece = first; piece.done !== true; piece = await rest.next()) yield piece.value;
    this.#ahead = { next: await this.#seek() };
  }
}
