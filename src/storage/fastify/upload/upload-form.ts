import { badRequest, HttpError } from "../../../http/index.js";
import type { Bytes } from "../../contract/backend.js";
import { decodeBytes, decodeExtended, parseParameters } from "./form-parameters.js";
import { type FormPart, FormParts, formLimits } from "./form-parts.js";

/** Limits of a form's fields; what is over them is refused, never cut. */
export const fieldLimits = { fields: 20, nameLength: 100, valueBytes: 4 * 1024 } as const;

/** Most bytes that a form may have besides its file. */
export const maxEnvelopeBytes = 256 * 1024;

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
      const described = describe(part);
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
      const described = describe(part);
      if (described.name === "file" || isKnown(described.name)) {
        throw badRequest(`'${described.name.slice(0, 100)}' must not stand behind the part 'file'`);
      }
      await fields.add(described, part);
    }
  } finally {
    parts.stop();
  }
}

interface PartDescription {
  readonly name: string;
  readonly filename: string | undefined;
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

function describe({ headers }: FormPart): PartDescription {
  const [field, another] = headers.get("content-disposition") ?? [];
  if (field === undefined || another !== undefined) throw badRequest("a part does not say what it is");
  const { word, parameters } = parseParameters(field);
  const name = parameters.get("name");
  if (word !== "form-data" || name === undefined) throw badRequest("a part has no name");
  if (name.length > fieldLimits.nameLength) throw badRequest("the name of a part is too long");
  return { name: decodeBytes(name), filename: filenameOf(parameters) };
}

/** Browsers and curl send `filename` in UTF-8; `filename*` is not for forms, but some send it. */
function filenameOf(parameters: ReadonlyMap<string, string>): string | undefined {
  const extended = parameters.get("filename*");
  if (extended !== undefined) return decodeExtended(extended);
  const plain = parameters.get("filename");
  return plain === undefined ? undefined : decodeBytes(plain);
}

function fileOf({ filename }: PartDescription, { headers }: FormPart) {
  const [transfer = "binary"] = headers.get("content-transfer-encoding") ?? [];
  if (!/^(?:7bit|8bit|binary)$/i.test(transfer.trim())) {
    throw new HttpError(415, "unsupported_type", "the file must come without a transfer encoding");
  }
  const contentType = headers.get("content-type")?.[0]?.trim();
  const name = filename?.split(/[/\\]/).at(-1);
  return {
    filename: name === "" ? undefined : name,
    // What clients say when they do not know; the bytes and the name know better.
    contentType: contentType?.toLowerCase() === "application/octet-stream" ? undefined : contentType,
  };
}

async function textOf({ body }: FormPart, name: string): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.byteLength;
    if (size > fieldLimits.valueBytes) {
      throw new HttpError(
        413,
        "too_large",
        `the field '${name}' is longer than ${fieldLimits.valueBytes} bytes`,
      );
    }
    pieces.push(piece);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(pieces));
  } catch {
    throw badRequest(`the field '${name}' is not UTF-8`);
  }
}

/** RFC 2046 §5.1.1: 1 to 70 characters of a small alphabet, not ending in a space. */
function boundaryOf(contentType: string): string {
  const boundary = parseParameters(contentType).parameters.get("boundary");
  if (boundary === undefined || !/^[A-Za-z0-9'()+_,./:=? -]*[A-Za-z0-9'()+_,./:=?-]$/.test(boundary)) {
    throw badRequest("the content type has no usable boundary");
  }
  if (boundary.length > formLimits.boundaryLength) throw badRequest("the boundary is too long");
  return boundary;
}
