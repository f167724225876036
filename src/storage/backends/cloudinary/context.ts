import { refusal } from "../../contract/service-error.js";

/** Longest value of contextual metadata, in characters as they are sent. */
const maxValueLength = 1024;
/** Marks a value that is written in base64url. */
const encodedMark = "utf-8:";
/** What Cloudinary is known to keep as it is. Everything else is encoded, also what reads like an encoded value. */
const plain =
  /^(?!utf-8:)[\w!"#$%'()*+,./:;=?@[\]^{|}~-](?:[\w !"#$%'()*+,./:;=?@[\]^{|}~-]*[\w!"#$%'()*+,./:;=?@[\]^{|}~-])?$/;

/** Contextual metadata of an asset: name to value, as Cloudinary shows it. */
export type Context = Readonly<Record<string, string>>;

/** A value as Cloudinary can keep it: not empty, no blanks at its ends, ASCII. */
export function encodeValue(text: string): string {
  return plain.test(text) ? text : encodedMark + Buffer.from(text).toString("base64url");
}

/** What {@link encodeValue} encoded; what other tools wrote is as it is. */
export function decodeValue(value: string): string {
  if (!value.startsWith(encodedMark)) return value;
  return Buffer.from(value.slice(encodedMark.length), "base64url").toString("utf8");
}

/**
 * The parameter `context`: pairs between bars, with bars and equals signs in values behind a backslash.
 *
 * @throws ServiceError when a value is longer than the service takes.
 */
export function contextParameter(context: Context): string {
  return Object.entries(context)
    .map(([name, value]) => `${name}=${checkLength(name, value.replace(/[=|]/g, "\\$&"))}`)
    .join("|");
}

function checkLength(name: string, value: string): string {
  if (value.length <= maxValueLength) return value;
  const message = `the metadata value '${name}' is longer than the 1,024 characters that Cloudinary takes`;
  throw refusal("invalid_argument", message);
}
