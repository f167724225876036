const word = /^=\?([\w-]+)\?([BQ])\?([^?\s]*)\?=$/i;

/** Text as an encoded word (RFC 2047 §4.1), which also the tools of AWS use for metadata that is not ASCII. */
export function encodeWord(text: string): string {
  return `=?UTF-8?B?${Buffer.from(text).toString("base64")}?=`;
}

/** What an encoded word, or several in a row, mean; any other text means itself. */
export function decodeWords(text: string): string {
  if (!text.startsWith("=?")) return text;
  const words = text.split(/\s+/).map((each) => word.exec(each));
  const charset = words[0]?.[1]?.toLowerCase() ?? "";
  const bytes: Buffer[] = [];
  for (const match of words) {
    if (match?.[1]?.toLowerCase() !== charset) return text;
    bytes.push(bytesOf(match[2], match[3] ?? ""));
  }
  return decode(Buffer.concat(bytes), charset) ?? text;
}

function bytesOf(encoding: string | undefined, encoded: string): Buffer {
  if (encoding?.toUpperCase() === "B") return Buffer.from(encoded, "base64");
  const latin = encoded
    .replace(/_/g, " ")
    .replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(latin, "latin1");
}

function decode(bytes: Buffer, charset: string): string | undefined {
  if (charset === "iso-8859-1") return bytes.toString("latin1");
  if (charset !== "utf-8" && charset !== "us-ascii") return undefined;
  const text = bytes.toString("utf8");
  return Buffer.from(text).equals(bytes) ? text : undefined;
}
