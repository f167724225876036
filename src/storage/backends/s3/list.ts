import type { ListedObject, ListOptions, ListPage } from "../../contract/backend.js";
import { isKey, isListed as isWanted, reservedSegment } from "../../contract/key.js";
import { ListingProgress } from "../../contract/listing-progress.js";
import { readCursor, writeCursor } from "../../contract/page-cursor.js";
import type { S3Access } from "./access.js";
import { malformedAnswer } from "./wire/answer-document.js";
import { type ListAnswer, type ListedEntry, parseListAnswer } from "./wire/list-answer.js";

/** Sorts behind every name that begins alike, as long as no name contains the last code point. */
const lastCharacter = "\u{10ffff}";
/** Characters that UTF-8 and UTF-16 have in different orders. */
const late = /[\ud800-\uffff]/;
/** Most names that a service gives at once. */
const maxNames = 1000;

/** One page. Names that other tools made and that are no keys are passed over. */
export async function listObjects(access: S3Access, options: ListOptions): Promise<ListPage> {
  const { prefix, cursor } = options;
  const page = new Page(options, cursor === undefined ? undefined : readCursor(prefix, cursor));
  const progress = new ListingProgress();
  let token: string | undefined;
  let turn = 0;
  do {
    const answer = await ask(access, options, page.last, countOf(page.room, turn++), token);
    progress.check([...answer.entries.map(({ name }) => name), ...answer.prefixes], answer.token);
    page.take(answer);
    token = answer.token;
  } while (token !== undefined && page.room > 0);
  const { items, prefixes, passedOver, last } = page;
  const isMore = token !== undefined || page.isCut;
  return { items, prefixes, passedOver, cursor: isMore ? writeCursor(prefix, last ?? prefix) : undefined };
}

/** The entry of one object, where a listing has it. */
export async function listEntry(
  { client }: S3Access,
  key: string,
  signal: AbortSignal | undefined,
): Promise<ListedEntry | undefined> {
  const query: [string, string][] = [
    ["list-type", "2"],
    ["max-keys", "1"],
    ["prefix", key],
  ];
  const { body } = await client.send({ method: "GET", query, signal });
  return parseListAnswer(body).entries.find(({ name }) => name === key);
}

/** How many names to ask for: as many as there is room for, and soon more, since many may have to be passed over. */
function countOf(room: number, turn: number): number {
  return Math.min(maxNames, Math.max(room, 32 ** turn));
}

async function ask(
  { client }: S3Access,
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
  return parseListAnswer(body);
}

/** Where a listing goes on behind an entry; a rolled-up start stands for all keys that begin with it. */
function behind(last: string, delimiter: string | undefined): string {
  return delimiter !== undefined && last.endsWith(delimiter) ? last + lastCharacter : last;
}

/** A page while it is filled. */
class Page {
  readonly items: ListedObject[] = [];
  readonly prefixes: string[] = [];
  readonly passedOver: string[] = [];
  /** The last entry so far, also of those that were passed over. */
  last: string | undefined;
  /** Whether there was no room for all that the service gave. */
  isCut = false;
  readonly #options: ListOptions;
  readonly #first: string | undefined;

  /** @param first - the last entry of the page before, which some services begin with again. */
  constructor(options: ListOptions, first: string | undefined) {
    this.#options = options;
    this.#first = first;
    this.last = first;
  }

  get room(): number {
    return this.#options.limit - this.items.length - this.prefixes.length;
  }

  /** @throws ServiceError when the answer repeats what came before, so that the listing would not end. */
  take(answer: ListAnswer): void {
    this.#checkOrder(answer);
    const isFitting = answer.entries.length + answer.prefixes.length <= this.room;
    const { entries, prefixes } = isFitting ? answer : this.#cut(answer);
    for (const entry of entries) this.#add(entry);
    for (const name of prefixes) if (isStart(name) && name !== this.#first) this.prefixes.push(name);
    const ends = [this.last, entries.at(-1)?.name, prefixes.at(-1)].filter((name) => name !== undefined);
    this.last = ends.length === 0 ? undefined : ends.reduce(laterOf);
  }

  #add({ name, size, lastModified }: ListedEntry): void {
    if (name === this.#first) return;
    if (isWanted(name, this.#options.prefix)) this.items.push({ key: name, size, lastModified });
    else if (!isReserved(name) && !(size === 0 && name.endsWith("/"))) this.passedOver.push(name);
  }

  /** Keys are ASCII, so that every service has them in one order. */
  #checkOrder({ entries, prefixes }: ListAnswer): void {
    const last = this.last;
    if (last === undefined || !isListed(last)) return;
    const isBehind = (name: string) => name > last || name === this.#first || !isListed(name);
    if (!entries.every(({ name }) => isBehind(name)) || !prefixes.every(isBehind)) throw malformedAnswer();
  }

  /** The start of an answer, as far as there is room for what it lists. */
  #cut(answer: ListAnswer): Pick<ListAnswer, "entries" | "prefixes"> {
    const keys = answer.entries
      .map(({ name }) => name)
      .filter((name) => isWanted(name, this.#options.prefix));
    const listed = [...keys, ...answer.prefixes.filter(isStart)].filter((name) => name !== this.#first);
    if (listed.length <= this.room) return answer;
    this.isCut = true;
    const end = listed.sort(byBytes)[this.room - 1] ?? "";
    const isBefore = (name: string) => byBytes(name, end) <= 0;
    const entries = answer.entries.filter(({ name }) => isBefore(name));
    return { entries, prefixes: answer.prefixes.filter(isBefore) };
  }
}

/** Objects of the kit's own. Like the empty objects that stand for folders, they are not told to callers. */
function isReserved(name: string): boolean {
  return name.startsWith(`${reservedSegment}/`);
}

function isListed(name: string): boolean {
  return isKey(name) || isStart(name);
}

function isStart(name: string): boolean {
  return name.endsWith("/") && isKey(name.slice(0, -1));
}

function laterOf(a: string, b: string): string {
  return byBytes(a, b) < 0 ? b : a;
}

/** The order of the service, that of UTF-8. UTF-16 has another one only between two names with such characters. */
function byBytes(a: string, b: string): number {
  if (a === b) return 0;
  if (late.test(a) && late.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : 1;
}
