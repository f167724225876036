import { badRequest, HttpError } from "../../../http/index.js";
import { bytesOf } from "../../contract/whole-body.js";
import { decodeBytes, decodeExtended, parseParameters } from "./form-parameters.js";
import { type FormPart, formLimits } from "./form-parts.js";

/** Limits of a form's fields; what is over them is refused, never cut. */
export const fieldLimits = { fields: 20, nameLength: 100, valueBytes: 4 * 1024 } as const;

/** Most bytes that a form may have besides its file. */
export const maxEnvelopeBytes = 256 * 1024;

/** What a part of a form says that it is. */
export interface PartDescription {
  readonly name: string;
  /** The name of a file; empty where a page left the input empty. */
  readonly filename: string | undefined;
}

/** @throws HttpError for a part that does not say what it is. */
export function describePart({ headers }: FormPart): PartDescription {
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

/** What the sender says of a file. */
export interface FileClaim {
  /** Without folders. */
  readonly filename: string | undefined;
  readonly contentType: string | undefined;
}

/** @throws HttpError (415) for a file in a transfer encoding. */
export function fileOf({ filename }: PartDescription, { headers }: FormPart): FileClaim {
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

/** The value of a field. @throws HttpError for one that is too long or is not UTF-8. */
export async function textOf({ body }: FormPart, name: string): Promise<string> {
  const { valueBytes: maxBytes } = fieldLimits;
  const error = () => new HttpError(413, "too_large", `the field '${name}' is longer than ${maxBytes} bytes`);
  const value = await bytesOf(body, { maxBytes, error });
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    throw badRequest(`the field '${name}' is not UTF-8`);
  }
}

/** The boundary of a form (RFC 2046 §5.1.1): 1 to 70 characters of a small alphabet, not ending in a space. */
export function boundaryOf(contentType: string): string {
  const boundary = parseParameters(contentType).parameters.get("boundary");
  if (boundary === undefined || !/^[A-Za-z0-9'()+_,./:=? -]*[A-Za-z0-9'()+_,./:=?-]$/.test(boundary)) {
    throw badRequest("the content type has no usable boundary");
  }
  if (boundary.length > formLimits.boundaryLength) throw badRequest("the boundary is too long");
  return boundary;
}
