import { toListOptions } from "./arguments.js";
import type { ListedObject, ListOptions, ListPage, StorageBackend } from "./contract/backend.js";
import type { Key } from "./contract/key.js";
import { standing } from "./contract/listing-progress.js";
import type { FilePage, ListedFile, ListPageOptions } from "./options.js";

/** One page of keys. */
export interface KeyPage {
  readonly items: readonly Key[];
  readonly cursor: string | undefined;
}

/** One page of objects with size and date. */
export async function listFiles(backend: StorageBackend, options: ListPageOptions): Promise<FilePage> {
  const page = await listPage(backend, toListOptions(options, true));
  return { ...page, items: page.items.map(toListedFile) };
}

/** One page of keys, without what size and date would cost. */
export async function listKeys(backend: StorageBackend, options: ListPageOptions): Promise<KeyPage> {
  const { items, cursor } = await listPage(backend, toListOptions(options, false));
  return { items: items.map(({ key }) => key), cursor };
}

/** A page that leads to itself would be asked for without end. */
export async function listPage(backend: StorageBackend, options: ListOptions): Promise<ListPage> {
  const page = await backend.list(options);
  if (page.cursor !== undefined && page.cursor === options.cursor) throw standing();
  return page;
}

/** Pages, one after the other, until there is no cursor for a next one. */
export async function* pages<Page extends { readonly cursor: string | undefined }>(
  pageAt: (cursor: string | undefined) => Promise<Page>,
): AsyncGenerator<Page> {
  let cursor: string | undefined;
  do {
    const page = await pageAt(cursor);
    yield page;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

function toListedFile({ key, size, lastModified }: ListedObject): ListedFile {
  if (size === undefined || lastModified === undefined) {
    throw new TypeError("the backend was asked for size and date and gave none");
  }
  return { key, size, lastModified };
}
