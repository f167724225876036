import { checkContentType, checkOptions } from "./arguments.js";
import type { SignOptions } from "./contract/backend.js";
import { parseContentFields } from "./contract/description.js";
import { InvalidArgumentError } from "./contract/error.js";
import { parseFilename } from "./contract/metadata.js";
import { parseTransform } from "./contract/transform.js";
import { checkOptionNames } from "./option-names.js";
import type { UploadUrlOptions, UrlOptions } from "./options.js";

/** Seconds a signed URL lives unless said otherwise. */
const defaultUrlSeconds = 3600;
/** Longest life of a signed URL, in seconds: seven days, as with AWS Signature Version 4. */
const maxUrlSeconds = 604_800;

/** What a URL does not allow unless its options say so. */
const nothing = {
  download: false,
  filename: undefined,
  contentType: undefined,
  cacheControl: undefined,
  transform: undefined,
} as const;

/** What a URL that reads must allow, checked and complete. */
export function toReadUrlOptions(options: UrlOptions): SignOptions {
  checkOptions(options);
  checkOptionNames("getUrl", options);
  if (options.public === true) return publicOptions(options);
  const { cacheControl, transform } = options;
  const { signedAt, expiresAt } = life(options);
  return {
    method: "get",
    signedAt,
    expiresAt,
    download: options.download ?? false,
    filename: parseFilename(options.filename),
    contentType: undefined,
    cacheControl: cacheControl === undefined ? undefined : parseContentFields({ cacheControl }).cacheControl,
    transform: transform === undefined ? undefined : parseTransform(transform),
  };
}

/** What a URL that writes must allow, checked and complete. */
export function toUploadUrlOptions(options: UploadUrlOptions): SignOptions {
  checkOptions(options);
  checkOptionNames("getUploadUrl", options);
  return {
    ...nothing,
    method: "put",
    ...life({ expiresIn: options.expiresIn }),
    contentType: checkContentType(options.contentType),
    size: checkUploadSize(options.size),
  };
}

let plain = toReadUrlOptions({});

/** What the URL of an object allows by default. It expires on a whole second, so it is made once in each. */
export function plainSignOptions(): SignOptions {
  const left = plain.expiresAt.getTime() - Date.now();
  if (left <= (defaultUrlSeconds - 1) * 1000 || left > defaultUrlSeconds * 1000) plain = toReadUrlOptions({});
  return plain;
}

/** A public URL never expires and cannot set response headers, because it is not signed. */
function publicOptions(options: UrlOptions): SignOptions {
  const other = Object.entries(options).find(([name, value]) => name !== "public" && value !== undefined);
  if (other === undefined) return { ...nothing, method: "get", ...life({}), isPublic: true };
  throw new InvalidArgumentError({ message: `a public URL is permanent and takes no option ${other[0]}` });
}

/**
 * From when to when a URL is valid. With `stableFor` both follow the clock's windows of that length, so that the same
 * call gives the same text in all of one; it then lives for `expiresIn` at least.
 */
function life({
  expiresIn = defaultUrlSeconds,
  stableFor,
}: Pick<UrlOptions, "expiresIn" | "stableFor">): Pick<SignOptions, "signedAt" | "expiresAt"> {
  if (stableFor === undefined) return { signedAt: undefined, expiresAt: expiry(expiresIn) };
  checkSeconds("expiresIn", expiresIn);
  checkSeconds("stableFor", stableFor);
  checkSeconds("stableFor and expiresIn together", stableFor + expiresIn);
  const start = Math.floor(Date.now() / 1000 / stableFor) * stableFor;
  return { signedAt: new Date(start * 1000), expiresAt: new Date((start + stableFor + expiresIn) * 1000) };
}

/** When a URL that lives so many seconds from now expires. */
export function expiry(seconds: number = defaultUrlSeconds): Date {
  checkSeconds("expiresIn", seconds);
  return new Date((Math.floor(Date.now() / 1000) + seconds) * 1000);
}

function checkSeconds(name: string, seconds: unknown): void {
  if (Number.isInteger(seconds) && Number(seconds) >= 1 && Number(seconds) <= maxUrlSeconds) return;
  throw new InvalidArgumentError({ message: `${name} must be whole seconds from 1 to ${maxUrlSeconds}` });
}

/** The size of an upload that is announced, or none. */
function checkUploadSize(size: unknown): number | undefined {
  if (size === undefined || (typeof size === "number" && Number.isSafeInteger(size) && size >= 0))
    return size;
  throw new InvalidArgumentError({ message: "size must be a whole number of bytes" });
}
