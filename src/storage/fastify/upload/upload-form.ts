import { badRequest } from "../../../http/index.js";
import type { Bytes } from "../../contract/backend.js";
import { boundaryOf, describePart, fieldLimits, fileOf, type PartDescription, textOf } from "./form-entry.js";
import { type FormPart, FormParts } from "./form-parts.js";

/** An upload form, read up to the start of its file. */
export interface UploadForm {
  /** Field `key`, when there is one. */
  readonly key: string | undefined;
  /** Fields `meta.*`, without their `meta.`. */
  readonly metadata: readonly (readonly [string, string])[];
  /** The file's own name, in any script. */
  readonly filename: string | undefined;
  readonly contentType: string | undefined;
  /** The file. It ends only when the whole form has been read and found sound. */
  readonly content: Bytes;
  /** Stops reading the form. */
  readonly stop: () => void;
}

/**
 * Reads a multipart form (RFC 7578) with one part `file` and optional fields before it.
 *
 * @param contentType - of the request.
 * @throws HttpError for every form that is not sound; nothing of it is stored.
 */
export async function readUploadForm(source: Bytes, contentType: string): Promise<UploadForm> {
  const parts = new FormParts(source, boundaryOf(contentType));
  const stop = () => parts.stop();
  try {
    const fields = new Fields();
    for (;;) {
      const part = await parts.next();
      if (part === undefined) throw badRequest("the form has no part 'file'");
      const described = describePart(part);
      if (described.name === "file") {
        const content = fileContent(part, parts, fields);
        return { key: fields.key, metadata: fields.metadata, ...fileOf(described, part), content, stop };
      }
      await fields.add(described, part);
    }
  } catch (error) {
    stop();
    throw error;
  }
}

async function* fileContent(file: FormPart, parts: FormParts, fields: Fields): Bytes {
  try {
    yield* file.body;
    for (let part = await parts.next(); part !== undefined; part = await parts.next()) {
      const described = describePart(part);
      if (described.name === "file" || isKnown(described.name)) {
        throw badRequest(`'${described.name.slice(0, 100)}' must not stand behind the part 'file'`);
      }
      await fields.add(described, part);
    }
  } finally {
    parts.stop();
  }
}

class Fields {
  #count = 0;
  readonly #values = new Map<string, string>();

  get key(): string | undefined {
    return this.#values.get("key");
  }

  get metadata(): readonly (readonly [string, string])[] {
    const entries = [...this.#values].filter(([name]) => name.startsWith("meta."));
    return entries.map(([name, value]) => [name.slice("meta.".length), value]);
  }

  /** Reads a field; those of other names than the form's own are read and ignored. */
  async add({ name, filename }: PartDescription, part: FormPart): Promise<void> {
    if (filename !== undefined) throw badRequest("the file must be in the part 'file'");
    this.#count += 1;
    if (this.#count > fieldLimits.fields) throw badRequest(`more than ${fieldLimits.fields} fields`);
    const value = await textOf(part, name);
    if (!isKnown(name)) return;
    if (this.#values.has(name)) throw badRequest(`the field '${name}' is there twice`);
    this.#values.set(name, value);
  }
}

function isKnown(name: string): boolean {
  return name === "key" || name.startsWith("meta.");
}
