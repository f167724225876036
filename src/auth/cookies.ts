import type { SignedValues } from "./signed-values.js";

/** Names of the cookies of auth. `__Host-` (RFC 6265bis §4.1.3.2) keeps other hosts of a domain from setting them. */
export function cookiePrefix(isSecure: boolean): string {
  return isSecure ? "__Host-auth" : "auth";
}

/** Name of the cookie that holds the signed token of a session. */
export function sessionCookie(isSecure: boolean): string {
  return `${cookiePrefix(isSecure)}.session_token`;
}

/** The pairs of a `Cookie` header (RFC 6265 §4.2.1), undecoded. */
function readCookies(header: string | undefined): readonly (readonly [string, string])[] {
  return (header ?? "").split(";").flatMap((pair) => {
    const [name = "", ...value] = pair.split("=");
    return value.length === 0 ? [] : [[name.trim(), value.join("=").trim()] as const];
  });
}

/** What a signed cookie says, if one of the secrets signed it. Of two with one name neither counts. */
export function signedCookie(
  header: string | undefined,
  name: string,
  values: SignedValues,
): string | undefined {
  return verified(singleCookies(header).get(name), values);
}

/**
 * The header as the library must see it: the cookies of auth that the kit reads, signed by the newest secret, and no
 * other. The library also accepts spellings that the kit refuses: its routes would find a session where the kit's guards
 * found none.
 */
export function resignCookies(header: string, prefix: string, values: SignedValues): string {
  const pairs = [...singleCookies(header)].flatMap(([name, value]) => {
    const signed = name.startsWith(`${prefix}.`) ? verified(value, values) : undefined;
    return signed === undefined ? [] : [`${name}=${encodeURIComponent(values.sign(signed))}`];
  });
  return pairs.join("; ");
}

/** Cookies by name; one that is there more than once has no value. */
function singleCookies(header: string | undefined): ReadonlyMap<string, string | undefined> {
  const cookies = new Map<string, string | undefined>();
  for (const [name, value] of readCookies(header)) cookies.set(name, cookies.has(name) ? undefined : value);
  return cookies;
}

function verified(value: string | undefined, values: SignedValues): string | undefined {
  const decoded = value === undefined ? undefined : decode(value);
  return decoded === undefined ? undefined : values.verify(decoded);
}

/** The value that the last of the `Set-Cookie` lines for a name gives it (RFC 6265 §4.1.1). */
export function valueOfSetCookie(lines: readonly string[], name: string): string | undefined {
  const line = lines.findLast((each) => each.startsWith(`${name}=`));
  const [value] = line?.slice(name.length + 1).split(";") ?? [];
  return value === undefined ? undefined : decode(value);
}

function decode(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
