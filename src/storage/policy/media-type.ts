/** The type without its parameters, in lower case. */
export function essenceOf(contentType: string): string {
  const end = contentType.indexOf(";");
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}

const pattern = /^(?:\*\/\*|[a-z0-9!#$&^_.+-]{1,64}\/(?:\*|[a-z0-9!#$&^_.+-]{1,64}))$/;

/** True for a type without parameters, or one like `image/*`. */
export function isTypePattern(raw: unknown): raw is string {
  return typeof raw === "string" && pattern.test(raw);
}

/** Names of the same bytes: registered ones, older ones, and those that browsers send. */
const sameBytes: readonly ReadonlySet<string>[] = [
  ["image/jpeg", "image/jpg", "image/pjpeg"],
  ["image/png", "image/apng", "image/x-png"],
  ["image/x-icon", "image/vnd.microsoft.icon"],
  ["image/bmp", "image/x-ms-bmp"],
  ["image/heic", "image/heif"],
  ["audio/mpeg", "audio/mp3"],
  ["audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"],
  ["audio/flac", "audio/x-flac"],
  ["audio/mp4", "audio/x-m4a", "audio/m4a", "video/mp4", "video/x-m4v", "application/mp4"],
  ["audio/ogg", "video/ogg", "application/ogg", "audio/opus"],
  ["video/webm", "audio/webm", "video/matroska", "video/x-matroska", "audio/matroska"],
  ["video/vnd.avi", "video/avi", "video/x-msvideo"],
  ["application/gzip", "application/x-gzip"],
  ["application/zip", "application/x-zip-compressed"],
  ["application/xml", "text/xml"],
].map((names) => new Set(names));

/** All names of the bytes of a type. */
export function namesOf(type: string): ReadonlySet<string> {
  return sameBytes.find((names) => names.has(type)) ?? new Set([type]);
}

/** Whether two types are names of the same bytes. */
export function isSameFormat(one: string, other: string): boolean {
  return one === other || sameBytes.some((names) => names.has(one) && names.has(other));
}

/** How well a pattern fits a type: 2 exactly, 1 by its group, 0 as one of all; `undefined` when it does not. */
export function fitOf(type: string, typePattern: string): number | undefined {
  if (typePattern === "*/*") return 0;
  if (typePattern.endsWith("/*")) return type.startsWith(typePattern.slice(0, -1)) ? 1 : undefined;
  return isSameFormat(type, typePattern) ? 2 : undefined;
}
