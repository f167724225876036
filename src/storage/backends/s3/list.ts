import type { ListedObject, ListOptions, ListPage } from "../../backend.js";
import { isKey } from "../../key.js";
import type { BucketAccess } from "./access.js";
import { type ListAnswer, parseListAnswer } from "./list-answer.js";
import { readCursor, writeCursor } from "./page-cursor.js";

/** Behind every name that begins like this, as long as nobody uses the last character there is. */
const lastCharacter = "\u{10ffff}";

/** One page. Names that are no keys of ours, which other tools can make, are passed over. */
export async function listObjects(access: BucketAccess, options: ListOptions): Promise<ListPage> {
  const { prefix, cursor, limit } = options;
  const page = new Page(cursor === undefined ? undefined : readCursor(prefix, cursor));
  let token: string | undefined;
  do {
    const answer = await ask(access, options, page.last, limit - page.size, token);
    page.take(answer);
    token = answer.token;
  } while (token !== undefined && page.size < limit);
  const { items, prefixes, last } = page;
  return { items, prefixes, cursor: token === undefined ? undefined : writeCursor(prefix, last ?? prefix) };
}

async function ask(
  { client }: BucketAccess,
  { prefix, delimiter, signal }: ListOptions,
  last: string | undefined,
  limit: number,
  token: string | undefined,
): Promise<ListAnswer> {
  const query: [string, string][] = [
    ["list-type", "2"],
    ["max-keys", String(limit)],
  ];
  if (prefix !== "") query.push(["prefix", prefix]);
  if (delimiter !== undefined) query.push(["delimiter", delimiter]);
  if (token !== undefined) query.push(["continuation-token", token]);
  else if (last !== undefined) query.push(["start-after", behind(last, delimiter)]);
  const { body } = await client.send({ method: "GET", query, signal });
  return parseListAnswer(body.toString("utf8"));
}

/** A rolled-up start is behind us with all that begins with it. */
function behind(last: string, delimiter: string | undefined): string {
  return delimiter !== undefined && last.endsWith(delimiter) ? last + lastCharacter : last;
}

/** A page while it is filled. */
class Page {
  readonly items: ListedObject[] = [];
  readonly prefixes: string[] = [];
  /** The last entry so far, also of those that were passed over. */
  last: string | undefined;
  readonly #first: string | undefined;

  /** @param first - the last entry of the page before, which some services begin with again. */
  constructor(first: string | undefined) {
    this.#first = first;
    this.last = first;
  }

  get size(): number {
    return this.items.length + this.prefixes.length;
  }

  take({ entries, prefixes }: ListAnswer): void {
    for (const { name, size, lastModified } of entries) {
      if (isKey(name) && name !== this.#first) this.items.push({ key: name, size, lastModified });
    }
    for (const name of prefixes) if (isStart(name) && name !== this.#first) this.prefixes.push(name);
    const ends = [this.last, entries.at(-1)?.name, prefixes.at(-1)].filter((name) => name !== undefined);
    this.last = ends.length === 0 ? undefined : ends.reduce(laterOf);
  }
}

function isStart(name: string): boolean {
  return name.endsWith("/") && isKey(name.slice(0, -1));
}

/** In the order of their bytes, which is that of the service. */
function laterOf(a: string, b: string): string {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0 ? b : a;
}
