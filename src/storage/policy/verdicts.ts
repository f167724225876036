import { createHash } from "node:crypto";
import type { Scanner, Verdict } from "./scanner.js";

/** Contents up to this many bytes are known again; larger ones come twice too seldom to be worth their hash. */
export const maxKnownBytes = 1_048_576;
const maxKnown = 10_000;
/** Engines learn of new malware several times a day. */
const validMs = 3_600_000;

/** What scanners thought of contents, by SHA-256: others can make content with the same CRC or MD5 as clean content. */
const verdicts = new WeakMap<Scanner, Map<string, { readonly verdict: Verdict; readonly until: number }>>();

/** What a scanner thought of this very content in the last hour. */
export function knownVerdict(scanner: Scanner, content: Uint8Array): Verdict | undefined {
  const known = verdicts.get(scanner)?.get(nameOf(content));
  return known !== undefined && known.until > Date.now() ? known.verdict : undefined;
}

/** Keeps a verdict; the oldest one goes when there are too many. */
export function keepVerdict(scanner: Scanner, content: Uint8Array, verdict: Verdict): void {
  const known = verdicts.get(scanner) ?? new Map();
  verdicts.set(scanner, known);
  const name = nameOf(content);
  known.delete(name);
  known.set(name, { verdict, until: Date.now() + validMs });
  const [oldest] = known.keys();
  if (known.size > maxKnown && oldest !== undefined) known.delete(oldest);
}

function nameOf(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("base64");
}
