import { valueOfSetCookie } from "../cookies.js";

/**
 * What an answer of the library may tell of sessions. A client that signs in is told the token as its cookie has it, with
 * the signature that proves the sign-in. No other answer has a token: a script in a page could read it there.
 *
 * @param setCookies - `Set-Cookie` lines of the answer.
 * @param name - of the cookie of sessions.
 */
export function tellSessions(text: string, setCookies: readonly string[], name: string): string {
  if (!text.includes('"token"')) return text;
  const answer: unknown = JSON.parse(text);
  if (!isRecord(answer)) return text;
  const told: Record<string, unknown> = { ...answer };
  if (typeof told.token === "string") told.token = valueOfSetCookie(setCookies, name) || null;
  if (isRecord(told.session)) told.session = withoutToken(told.session);
  return JSON.stringify(told);
}

function withoutToken({ token: _, ...told }: Readonly<Record<string, unknown>>) {
  return told;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
