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
export function readCookies(header: string | undefined): readonly (readonly [string, string])[] {
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
  const found = readCookies(header).filter(([each]) => each === name);
  const [, value] = found.length === 1 ? (found[0] ?? []) : [];
  const decoded = value === undefined ? undefined : decode(value);
  return decoded === undefined ? undefined : values.verify(decoded);
}

/** The header as the library must see it: what an older secret signed is signed by the newest. */
export function resignCookies(header: string, prefix: string, values: SignedValues): string {
  const pairs = readCookies(header).map(([name, value]) => {
    const signed = name.startsWith(`${prefix}.`) ? values.verify(decode(value) ?? "") : undefined;
    return `${name}=${signed === undefined ? value : encodeURIComponent(values.sign(signed))}`;
  });
  return pairs.join("; ");
}

/** The value of a `Set-Cookie` line (RFC 6265 §4.1.1), given what follows its name. */
export function valueOfCookie(text: string): string | undefined {
  const [value = ""] = text.split(";");
  return decode(value);
}

function decode(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
