/** One entity tag of a request (RFC 9110 §8.8.3). */
export interface EntityTag {
  readonly isWeak: boolean;
  /** Without the quotes. */
  readonly value: string;
}

const member = /[ \t,]*(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(?=,|$)/y;
const onlySeparators = /[ \t,]*$/y;
const opaque = /^[\x21\x23-\x7e]*$/;

/** The tags of an `If-Match` or `If-None-Match` field; `*` for any; `undefined` when it is malformed. */
export function parseEntityTags(field: string): readonly EntityTag[] | "*" | undefined {
  if (field.trim() === "*") return "*";
  const tags: EntityTag[] = [];
  for (let at = 0; !isAllSeparators(field, at); at = member.lastIndex) {
    member.lastIndex = at;
    const match = member.exec(field);
    if (match === null) return undefined;
    tags.push({ isWeak: match[1] !== undefined, value: match[2] ?? "" });
  }
  return tags.length === 0 ? undefined : tags;
}

/** The `ETag` field of an object; `undefined` when the provider's tag has characters that no tag may have. */
export function formatEntityTag(etag: string): string | undefined {
  return opaque.test(etag) ? `"${etag}"` : undefined;
}

function isAllSeparators(field: string, at: number): boolean {
  onlySeparators.lastIndex = at;
  return onlySeparators.test(field);
}
