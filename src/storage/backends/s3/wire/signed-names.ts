/** The names of the headers that a signature covers. */
export interface SignedNames {
  readonly list: readonly string[];
  /** As the signature tells them. */
  readonly joined: string;
}

/** Proxies may change these on the way. */
const unsigned = new Set([
  "authorization",
  "cache-control",
  "connection",
  "expect",
  "from",
  "keep-alive",
  "max-forwards",
  "pragma",
  "referer",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "user-agent",
  "x-amzn-trace-id",
]);

/** Sets of names that are remembered; requests of one service have few. */
const maxRemembered = 100;

/** Puts the names of headers in order, once for all requests that have the same. */
export class NameSets {
  readonly #known = new Map<string, SignedNames>();

  of(headers: Readonly<Record<string, string>>): SignedNames {
    const names = Object.keys(headers);
    const id = names.join();
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const list = names.filter(isSigned).sort();
    const made = { list, joined: list.join(";") };
    if (this.#known.size >= maxRemembered) this.#known.clear();
    this.#known.set(id, made);
    return made;
  }
}

function isSigned(name: string): boolean {
  return !unsigned.has(name) && !name.startsWith("proxy-") && !name.startsWith("sec-");
}
