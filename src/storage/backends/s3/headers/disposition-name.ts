import { decodeExtendedText } from "../../../contract/percent-encoding.js";

const extended = /;\s*filename\*\s*=\s*(UTF-8|ISO-8859-1)'[^']*'([^\s;]+)/i;
const quoted = /;\s*filename\s*=\s*"((?:[^"\\]|\\.)*)"/i;
const token = /;\s*filename\s*=\s*([^\s;"]+)/i;

/** The file name in a `Content-Disposition` (RFC 6266 §4.3), also in one that another tool wrote. */
export function nameInDisposition(header: string): string | undefined {
  const [, charset, encoded] = extended.exec(header) ?? [];
  const name = encoded === undefined ? undefined : decodeExtendedText(charset ?? "", encoded);
  return name ?? quoted.exec(header)?.[1]?.replace(/\\(.)/g, "$1") ?? token.exec(header)?.[1];
}
