/** Part of a representation in bytes: from `start` through `end` (the last one if absent), or the last `suffix` bytes. */
export type ByteRange =
  | { readonly start: number; readonly end: number | undefined }
  | { readonly suffix: number };

const one = /^([0-9]*)-([0-9]*)$/;

/**
 * The one byte range of a `Range` field (RFC 9110 §14.2). `undefined`, so that the whole object is served,
 * for another unit, a field that does not follow the grammar, and several ranges: they cost more than they
 * give, and a server may ignore the field.
 */
export function parseRange(field: string | undefined): ByteRange | undefined {
  if (field === undefined) return undefined;
  const set = /^bytes=(?![ \t])/i.test(field) ? field.slice("bytes=".length) : undefined;
  if (set === undefined) return undefined;
  const members = set.includes(",") ? elements(set) : [set];
  return members.length === 1 ? parseSpec(members[0] ?? "") : undefined;
}

/** A list may hold empty elements (RFC 9110 §5.6.1.2). */
function elements(list: string): readonly string[] {
  return list
    .split(",")
    .map((element) => element.trim())
    .filter((element) => element !== "");
}

function parseSpec(spec: string): ByteRange | undefined {
  const [, first, last] = one.exec(spec) ?? [];
  if (first === undefined || last === undefined) return undefined;
  if (first === "") return last === "" ? undefined : { suffix: clamp(BigInt(last)) };
  if (last === "") return { start: clamp(BigInt(first)), end: undefined };
  const [start, end] = [BigInt(first), BigInt(last)];
  return end < start ? undefined : { start: clamp(start), end: clamp(end) };
}

/** No object is longer than this, so that a longer number means the same. */
function clamp(position: bigint): number {
  return position > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(position);
}

/** `Content-Range` of a part (RFC 9110 §14.4); `end` is the byte behind the last one. */
export function contentRange(part: { readonly start: number; readonly end: number }, size: number): string {
  return `bytes ${part.start}-${part.end - 1}/${size}`;
}
