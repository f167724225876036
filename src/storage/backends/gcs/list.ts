import type { ListedObject, ListOptions, ListPage } from "../../contract/backend.js";
import { isKey, isListed, maxKeyLength, reservedSegment, stagingRoot } from "../../contract/key.js";
import { ListingProgress, standing } from "../../contract/listing-progress.js";
import { readCursor, writeCursor } from "../../contract/page-cursor.js";
import { ServiceError } from "../../contract/service-error.js";
import type { GcsAccess } from "./access.js";
import { membersOf } from "./object-resource.js";

/** Most entries that the service gives at once. */
const maxResults = 1000;
const reserved = `${reservedSegment}/`;

/** A listed name: an object, or a rolled-up start of names. */
type Entry = { readonly name: string; readonly object: ListedObject | undefined };

/** One answer of the service. */
interface RawPage {
  readonly entries: readonly Entry[];
  /** The names of all objects, and rolled-up starts behind them. */
  readonly names: readonly string[];
  /** Names that other tools made and that are no keys. */
  readonly passedOver: readonly string[];
  /** Where the next one begins; `undefined` behind the last one. */
  readonly next: Start | undefined;
}

/** A page begins at a name, or where the service's own token says. */
type Start = { readonly startOffset?: string | undefined; readonly pageToken?: string };

/** One page of what callers may name: neither the kit's own objects nor names of other tools that are no keys. */
export async function listObjects(access: GcsAccess, options: ListOptions): Promise<ListPage> {
  const { prefix, cursor, limit } = options;
  const entries: Entry[] = [];
  const passedOver: string[] = [];
  const progress = new ListingProgress();
  const before = cursor === undefined ? undefined : readCursor(prefix, cursor);
  let start: Start | undefined = before === undefined ? {} : { startOffset: behind(before) };
  while (start !== undefined && entries.length < limit) {
    const most = Math.min(limit - entries.length, maxResults);
    const page: RawPage = await rawPage(access, options, start, most);
    progress.check(page.names, page.next?.pageToken);
    if (page.entries.some(({ name }) => name === before)) throw standing();
    entries.push(...page.entries.filter(({ name }) => isVisible(name, prefix)));
    passedOver.push(...page.passedOver);
    start = page.next;
  }
  const last = entries.at(-1);
  return {
    items: entries.flatMap(({ object }) => object ?? []),
    passedOver,
    prefixes: entries.flatMap(({ name, object }) => (object === undefined ? [name] : [])),
    cursor: start === undefined || last === undefined ? undefined : writeCursor(prefix, last.name),
  };
}

/** Every object whose name begins so, also the kit's own. */
export async function* objectsBelow(
  { client, paths }: GcsAccess,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<StagedObject, void, undefined> {
  let pageToken: string | undefined;
  const progress = new ListingProgress();
  const fields = "kind,items(name,generation,size,timeCreated),nextPageToken";
  do {
    const query = { prefix, maxResults, pageToken, fields };
    const raw = listingOf(await client.json({ method: "GET", path: paths.objects, query, signal }));
    const staged = listOf(raw.items).map(toStaged);
    pageToken = typeof raw.nextPageToken === "string" ? raw.nextPageToken : undefined;
    const names = staged.map(({ name }) => name);
    progress.check(names, pageToken);
    yield* staged;
  } while (pageToken !== undefined);
}

async function rawPage(
  { client, paths }: GcsAccess,
  { prefix, delimiter, signal }: ListOptions,
  start: Start,
  most: number,
): Promise<RawPage> {
  const fields = "kind,items(name,size,updated),prefixes,nextPageToken";
  const query = { prefix: prefix || undefined, delimiter, maxResults: most, fields, ...start };
  const raw = listingOf(await client.json({ method: "GET", path: paths.objects, query, signal }));
  const rolledUp = listOf(raw.prefixes).map((name): Entry => ({ name: String(name), object: undefined }));
  const entries = [...listOf(raw.items).flatMap((each) => toEntry(each, prefix)), ...rolledUp].sort(byName);
  const { nextPageToken } = raw;
  return {
    entries,
    names: [
      ...listOf(raw.items).map((each) => String(membersOf(each).name)),
      ...rolledUp.map(({ name }) => name),
    ],
    passedOver: listOf(raw.items).flatMap(strayNameOf),
    next: typeof nextPageToken === "string" ? nextStart(entries, nextPageToken, prefix) : undefined,
  };
}

/** An object of the kit's own, or a part of one. */
export interface StagedObject {
  readonly name: string;
  readonly generation: string;
  /** Bytes. */
  readonly size: number;
  readonly timeCreated: Date;
}

/** What is reserved is left behind in one step, however much it is. */
function nextStart(entries: readonly Entry[], pageToken: string, prefix: string): Start {
  if (prefix.startsWith(stagingRoot)) return { pageToken };
  return entries.at(-1)?.name.startsWith(reserved) ? { startOffset: `${reservedSegment}0` } : { pageToken };
}

function isVisible(name: string, prefix: string): boolean {
  return isListed(name.endsWith("/") ? name.slice(0, -1) : name, prefix);
}

/** Names of objects may end with `/` where other tools made them; a key never does. */
function toEntry(raw: unknown, prefix: string): readonly Entry[] {
  const { name: key } = membersOf(raw);
  if (!isListed(key, prefix))
    return typeof key === "string" && key.startsWith(reserved) ? [{ name: key, object: undefined }] : [];
  return [{ name: key, object: { key, size: sizeOf(raw), lastModified: dateOf(membersOf(raw).updated) } }];
}

function sizeOf(raw: unknown): number {
  const { size } = membersOf(raw);
  if (/^[0-9]{1,15}$/.test(String(size))) return Number(size);
  throw incomplete();
}

function dateOf(raw: unknown): Date {
  const date = new Date(String(raw));
  if (!Number.isNaN(date.getTime())) return date;
  throw incomplete();
}

function incomplete(): ServiceError {
  return new ServiceError("unavailable", "the service's listing has an object without size or date");
}

function strayNameOf(raw: unknown): readonly string[] {
  const { name, size } = membersOf(raw);
  if (typeof name !== "string" || isKey(name) || name.startsWith(reserved)) return [];
  // An empty object that stands for a folder is not told to callers.
  return name.endsWith("/") && Number(size) === 0 ? [] : [name];
}

function toStaged(raw: unknown): StagedObject {
  const { name, generation, timeCreated } = membersOf(raw);
  if (typeof name !== "string" || !/^[0-9]+$/.test(String(generation))) throw noListing();
  return { name, generation: String(generation), size: sizeOf(raw), timeCreated: dateOf(timeCreated) };
}

/** An empty listing names nothing but its kind; without it any JSON of something in between would be one. */
function listingOf(raw: unknown): Readonly<Record<string, unknown>> {
  const members = membersOf(raw);
  if (members.kind === "storage#objects") return members;
  throw noListing();
}

function listOf(raw: unknown): readonly unknown[] {
  if (raw === undefined) return [];
  if (Array.isArray(raw)) return raw;
  throw noListing();
}

function noListing(): ServiceError {
  return new ServiceError("unavailable", "the service's answer is no listing");
}

function byName({ name: a }: Entry, { name: b }: Entry): number {
  return a < b ? -1 : Number(a > b);
}

/** The first name behind an entry, also of those that are no keys; they may hold a space. `0` follows `/`. */
function behind(entry: string): string {
  if (entry.endsWith("/")) return `${entry.slice(0, -1)}0`;
  if (entry.length < maxKeyLength) return `${entry} `;
  return entry.slice(0, -1) + String.fromCharCode(entry.charCodeAt(entry.length - 1) + 1);
}
