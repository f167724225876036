import { isIP } from "node:net";
import { z } from "zod";

/** Ranges that have a name in Fastify and the library under it. */
const names: ReadonlySet<string> = new Set(["loopback", "linklocal", "uniquelocal"]);

/**
 * Addresses of the proxies whose `X-Forwarded-*` headers are believed: addresses, CIDR ranges, or the words `loopback`,
 * `linklocal`, `uniquelocal`. `0.0.0.0/0` and `true` are refused: any client could then choose its address.
 */
export const trustedProxies: z.ZodType<readonly string[]> = z
  .union([z.array(z.string()), z.string().transform((value) => value.split(/[\s,]+/).filter(Boolean))])
  .pipe(z.array(z.string().refine(isRange)).min(1));

function isRange(range: string): boolean {
  if (names.has(range)) return true;
  const [address = "", bits, ...rest] = range.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  if (bits === undefined) return true;
  return /^\d{1,3}$/.test(bits) && Number(bits) > 0 && Number(bits) <= (family === 4 ? 32 : 128);
}
