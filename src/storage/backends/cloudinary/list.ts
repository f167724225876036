import type { ListedObject, ListOptions, ListPage } from "../../contract/backend.js";
import type { CloudinaryAccess } from "./access.js";
import { type AssetEntry, AssetPages, compare } from "./asset-pages.js";
import { type Position, positionShape } from "./position.js";
import { type ResourceType, resourceTypes } from "./public-id.js";

/** Most assets on a page of the service. */
const maxPageSize = 500;

/** One page of keys: Cloudinary lists each resource type by itself, so three listings are merged. */
export async function listObjects(access: CloudinaryAccess, options: ListOptions): Promise<ListPage> {
  options.signal?.throwIfAborted();
  const { prefix, delimiter, cursor } = options;
  const listing = `${delimiter ?? ""}\n${prefix}`;
  const from = cursor === undefined ? undefined : openCursor(access, listing, cursor);
  const merged = new MergedListing(access, options, from);
  const page = new PageBuilder(options);
  for (let entry = await merged.next(); entry !== undefined; entry = await merged.next()) {
    if (!entry.key.startsWith(prefix) || isBehind(entry.key, from?.last)) continue;
    if (page.add(entry)) continue;
    const position = { last: page.last, pages: merged.pagesFrom(entry) };
    const passedOver = merged.strayNames(from?.last, position);
    return page.build(access.seal.close(listing, JSON.stringify(position)), passedOver);
  }
  return page.build(undefined, merged.strayNames(from?.last, undefined));
}

function openCursor({ seal }: CloudinaryAccess, listing: string, cursor: string): Position {
  return positionShape.parse(JSON.parse(seal.open(listing, cursor)));
}

/** Whether the page before had the key, by itself or rolled up. */
function isBehind(key: string, last: string | undefined): boolean {
  return last !== undefined && (key <= last || (last.endsWith("/") && key.startsWith(last)));
}

/** The listings of all types as one, in the order of the keys. */
class MergedListing {
  readonly #listings: readonly TypeListing[];

  constructor({ client, ids }: CloudinaryAccess, options: ListOptions, from: Position | undefined) {
    const { prefix, delimiter, limit, signal, onProgress } = options;
    const pageSize = delimiter === undefined ? Math.min(limit + 1, maxPageSize) : maxPageSize;
    const start = ids.startOf(prefix);
    this.#listings = resourceTypes.flatMap((resourceType) => {
      const page = from === undefined ? "" : from.pages[resourceType];
      if (page === undefined) return [];
      const pages = new AssetPages({ client, ids, resourceType, start, page, pageSize, signal, onProgress });
      return [new TypeListing(resourceType, pages)];
    });
  }

  async next(): Promise<AssetEntry | undefined> {
    await Promise.all(this.#listings.map((listing) => listing.fill()));
    const filled = this.#listings.filter(({ head }) => head !== undefined);
    const [first] = filled.sort((a, b) => (a.head && b.head ? compare(a.head.key, b.head.key) : 0));
    return first?.take();
  }

  /** Names that are no keys on a page, which begins behind `last`: what the next page lists again is left to it. */
  strayNames(last: string | undefined, next: Position | undefined): readonly string[] {
    return this.#listings.flatMap(({ resourceType, strayNames }) => {
      const isListedAgain = next?.pages[resourceType] !== undefined;
      return strayNames.filter((name) => !isBehind(name, last) && (!isListedAgain || name <= next.last));
    });
  }

  /** Where every type goes on when `entry`, which was taken last, is to come again. */
  pagesFrom(entry: AssetEntry): Position["pages"] {
    const pages = this.#listings.map(({ resourceType, head, lastTaken }) => {
      const next = lastTaken === entry ? entry : head;
      return [resourceType, next?.page] as const;
    });
    return Object.fromEntries(pages.filter(([, page]) => page !== undefined));
  }
}

/** One listing with its next entry at hand. */
class TypeListing {
  readonly resourceType: ResourceType;
  head: AssetEntry | undefined;
  lastTaken: AssetEntry | undefined;
  readonly strayNames: readonly string[];
  readonly #entries: AsyncGenerator<AssetEntry>;

  constructor(resourceType: ResourceType, pages: AssetPages) {
    this.resourceType = resourceType;
    this.strayNames = pages.strayNames;
    this.#entries = pages.entries();
  }

  async fill(): Promise<void> {
    if (this.head !== undefined) return;
    const { done, value } = await this.#entries.next();
    if (done !== true) this.head = value;
  }

  take(): AssetEntry | undefined {
    this.lastTaken = this.head;
    this.head = undefined;
    return this.lastTaken;
  }
}

/** A page that fills up. */
class PageBuilder {
  readonly #items: ListedObject[] = [];
  readonly #prefixes: string[] = [];
  readonly #options: ListOptions;
  /** The last entry: a key, or a rolled-up start. */
  last = "";

  constructor(options: ListOptions) {
    this.#options = options;
  }

  /** `false` when there is no room for another entry. */
  add({ key, size, lastModified }: AssetEntry): boolean {
    const { prefix, delimiter, limit } = this.#options;
    const end = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
    const entry = end < 0 ? key : key.slice(0, end + 1);
    if (entry === this.last) return true;
    if (this.#items.length + this.#prefixes.length === limit) return false;
    this.last = entry;
    if (end < 0) this.#items.push({ key, size, lastModified });
    else this.#prefixes.push(entry);
    return true;
  }

  build(cursor: string | undefined, passedOver: readonly string[]): ListPage {
    return { items: this.#items, prefixes: this.#prefixes, cursor, passedOver };
  }
}
