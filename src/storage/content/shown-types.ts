/** Types that a browser may show: none of them runs anything. All others are saved as attachments. */
const shownTypes: ReadonlySet<string> = new Set([
  "image/png",
  "image/jpeg",
  "image/gif",
  "image/webp",
  "image/avif",
  "text/plain",
  "video/mp4",
  "video/webm",
  "video/ogg",
  "audio/mp4",
  "audio/webm",
  "audio/mpeg",
  "audio/ogg",
]);

/** Whether a browser may show content of this type; parameters such as `charset` do not matter. */
export function isShownType(contentType: string): boolean {
  const semicolon = contentType.indexOf(";");
  const essence = semicolon < 0 ? contentType : contentType.slice(0, semicolon);
  return shownTypes.has(essence.trim().toLowerCase());
}
