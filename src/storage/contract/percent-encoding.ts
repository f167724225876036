const plainPath = /^[A-Za-z0-9._~/-]*$/;
const plainText = /^[A-Za-z0-9._~-]*$/;
const leftByNode = /[!'()*]/g;

/** Percent-encodes all but the unreserved characters (RFC 3986 §2.3), as signatures need it. */
export function encodeText(text: string): string {
  if (plainText.test(text)) return text;
  return encodeURIComponent(text).replace(
    leftByNode,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** As {@link encodeText}, but `/` stays: a key in the path of a URL. */
export function encodePath(path: string): string {
  return plainPath.test(path) ? path : path.split("/").map(encodeText).join("/");
}

/** Names and values of a query, in the order and the spelling that is signed. */
export function encodeQuery(pairs: readonly (readonly [name: string, value: string])[]): string {
  if (pairs.length === 0) return "";
  const encoded = pairs.map(([name, value]) => [encodeText(name), encodeText(value)] as const);
  return encoded
    .sort(([a, first], [b, second]) => compare(a, b) || compare(first, second))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * The text of an extended value (RFC 8187 §3.2) in one of the two charsets that it can have; `undefined` where its
 * encoding is broken.
 */
export function decodeExtendedText(charset: string, text: string): string | undefined {
  if (charset.toLowerCase() === "iso-8859-1") {
    return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
