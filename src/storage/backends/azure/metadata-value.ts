import { exactText } from "../../contract/description.js";

const word = /^=\?UTF-8\?B\?([A-Za-z0-9+/]*={0,2})\?=$/;

/** A value as a header can carry it: as it is, else as an encoded word (RFC 2047 §2), of any length. */
export function encodeValue(value: string): string {
  return exactText.test(value) && !value.startsWith("=?")
    ? value
    : `=?UTF-8?B?${Buffer.from(value).toString("base64")}?=`;
}

/** What {@link encodeValue} was given; text of other tools means itself. */
export function decodeValue(kept: string): string {
  const base64 = word.exec(kept)?.[1];
  if (base64 === undefined) return kept;
  const bytes = Buffer.from(base64, "base64");
  const text = bytes.toString("utf8");
  return encodeValue(text) === kept ? text : kept;
}
