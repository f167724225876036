import { badRequest } from "../../../http/index.js";
import { decodeExtendedText } from "../../contract/percent-encoding.js";

const parameter =
  /[ \t]*;[ \t]*([A-Za-z0-9!#$&+.^_`|~*-]+)=(?:"((?:[^"\\\r\n]|\\[^\r\n])*)"|([^\s;"]*))[ \t]*/y;
const extended = /^(utf-8|iso-8859-1)'[A-Za-z0-9-]*'([A-Za-z0-9!#$&+.^_`|~%-]*)$/i;

/**
 * A header value of the form `word; name=value; name="value"` (RFC 9110 §5.6.6), names in lower case.
 *
 * @throws HttpError (400) for another form, and for a name that is there twice.
 */
export function parseParameters(field: string): { word: string; parameters: ReadonlyMap<string, string> } {
  const semicolon = field.indexOf(";");
  const word = (semicolon < 0 ? field : field.slice(0, semicolon)).trim().toLowerCase();
  const parameters = new Map<string, string>();
  for (let at = semicolon; at >= 0 && at < field.length; at = parameter.lastIndex) {
    parameter.lastIndex = at;
    const match = parameter.exec(field);
    if (match === null) throw badRequest(`the parameters of '${word.slice(0, 40)}' are not well-formed`);
    const name = (match[1] ?? "").toLowerCase();
    if (parameters.has(name)) throw badRequest(`the parameter '${name.slice(0, 40)}' is there twice`);
    parameters.set(name, match[2]?.replace(/\\(["\\])/g, "$1") ?? match[3] ?? "");
  }
  return { word, parameters };
}

/** An extended value (RFC 8187 §3.2): `UTF-8''na%C3%AFve.txt`. */
export function decodeExtended(value: string): string {
  const match = extended.exec(value);
  const decoded = match === null ? undefined : decodeExtendedText(match[1] ?? "", match[2] ?? "");
  if (decoded === undefined) throw badRequest("an extended parameter is not well-formed");
  return decoded;
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text of a header that was read byte by byte: UTF-8, as browsers send it, else ISO 8859-1. */
export function decodeBytes(latin1: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII needs no decoding
  if (/^[\x00-\x7f]*$/.test(latin1)) return latin1;
  try {
    return strictUtf8.decode(Buffer.from(latin1, "latin1"));
  } catch {
    return latin1;
  }
}
