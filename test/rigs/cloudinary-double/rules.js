// @ts-check
import { Refusal } from "./refusal.js";

const forbidden = /[?&#\\%<>+]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
const control = /[\u0000-\u0009\u000b-\u001f\u007f]/;

/**
 * By the documentation of `public_id`.
 *
 * @param {string | undefined} publicId
 */
export function checkPublicId(publicId) {
  if (publicId === undefined) throw new Refusal(400, "Missing required parameter - public_id");
  const elements = publicId.split("/").slice(0, -1);
  const isSound =
    publicId.length >= 1 &&
    publicId.length <= 255 &&
    !forbidden.test(publicId) &&
    !/^[ /]|[ /]$/.test(publicId) &&
    !elements.some((element) => /^v[0-9]+$|^images$|^videos$/.test(element));
  if (!isSound) throw new Refusal(400, `public_id (${publicId}) is invalid`);
  return publicId;
}

/**
 * By the documentation of `context`: pairs between bars; `=` and `|` in values behind a backslash.
 *
 * @param {string | undefined} text
 * @returns {Record<string, string>}
 */
export function parseContext(text) {
  if (text === undefined || text === "") return {};
  const pairs = text.split(/(?<!\\)\|/).map((pair) => {
    const [, name = "", value = ""] = /^((?:\\=|[^=])*)=(.*)$/s.exec(pair) ?? [];
    return /** @type {const} */ ([unescaped(name), unescaped(value)]);
  });
  const isSound = pairs.every(([name, value]) => isContextText(name) && isContextText(value));
  if (!isSound || pairs.length > 1000) throw new Refusal(400, "Invalid value for parameter context");
  return Object.fromEntries(pairs);
}

/** @param {string} text */
function unescaped(text) {
  if (/(?<!\\)=/.test(text)) throw new Refusal(400, "Invalid value for parameter context");
  return text.replace(/\\([=|])/g, "$1");
}

/** @param {string} text */
function isContextText(text) {
  return (
    text !== "" && text.length <= 1024 && !control.test(text) && text.isWellFormed() && text.trim() === text
  );
}

/** @type {readonly (readonly [format: string, type: "image" | "video", start: RegExp])[]} */
const formats = [
  // biome-ignore lint/suspicious/noControlCharactersInRegex: PNG begins with one
  ["png", "image", /^\x89PNG\r\n\x1a\n/],
  ["jpg", "image", /^\xff\xd8\xff/],
  ["gif", "image", /^GIF8[79]a/],
  ["webp", "image", /^RIFF.{4}WEBP/s],
  ["avif", "image", /^.{4}ftypavi[fs]/s],
  ["mov", "video", /^.{4}ftypqt/s],
  ["mp4", "video", /^.{4}ftyp(?!avi)/s],
  // biome-ignore lint/suspicious/noControlCharactersInRegex: EBML begins with one
  ["webm", "video", /^\x1a\x45\xdf\xa3/],
];

/**
 * What the content is, as far as its first bytes say it: the double decodes nothing. Raw files may be anything.
 *
 * @param {string} resourceType
 * @param {Buffer} content
 * @returns {string | undefined}
 */
export function formatOf(resourceType, content) {
  if (content.length === 0) throw new Refusal(400, "Empty file");
  if (resourceType === "raw") return undefined;
  const head = content.subarray(0, 16).toString("latin1");
  const format = formats.find(([, type, start]) => type === resourceType && start.test(head))?.[0];
  if (format !== undefined) return format;
  throw new Refusal(
    400,
    resourceType === "image" ? "Invalid image file" : "Unsupported video format or file",
  );
}

const qualifiers = [
  /^c_(?:fill|pad|scale|limit|fit|thumb|crop)$/,
  /^[hw]_[1-9][0-9]{0,4}$/,
  /^f_(?:auto|avif|gif|jpg|mp4|png|webm|webp)$/,
  /^q_(?:auto|100|[1-9][0-9]?)$/,
  /^fl_attachment$/,
];

/**
 * The syntax of a transformation: components between slashes, qualifiers between commas, each once. What it would
 * look like nobody knows here.
 *
 * @param {string} transformation
 */
export function checkTransformation(transformation) {
  for (const component of transformation.split("/")) {
    const parts = component.split(",");
    const known = parts.every((part) => qualifiers.some((qualifier) => qualifier.test(part)));
    const names = new Set(parts.map((part) => part.split("_")[0]));
    const hasBox = !parts.some((part) => part.startsWith("c_")) || names.has("w") || names.has("h");
    if (known && names.size === parts.length && hasBox) continue;
    throw new Refusal(400, `Invalid transformation component - ${component}`, {
      "x-cld-error": "Invalid transformation",
    });
  }
}
