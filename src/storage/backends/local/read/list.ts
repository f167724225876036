import { maxKeyLength } from "../../../contract/key.js";
import { lstatIfThere } from "../disk/files.js";
import { checkBase } from "../disk/folders.js";
import { fingerprintOf } from "../record/record.js";
import type { Store } from "../store.js";
import { type Folder, FolderCache, noFolder } from "./folder-cache.js";
import type { ListPlace } from "./list-cursor.js";

export interface ListJob extends ListPlace {
  readonly prefix: string;
  readonly delimiter: "/" | undefined;
  readonly limit: number;
  readonly details: boolean;
}

/** Key; with details also the size in bytes and the modification time in milliseconds since the epoch. */
export type ListedFile = readonly [key: string, size?: number, modifiedMs?: number];

export interface ListReply {
  readonly files: readonly ListedFile[];
  readonly prefixes: readonly string[];
  /** The last entry, where a further page may follow. */
  readonly next: string | undefined;
}

/** Walks a tree in the order of its keys, one page at a time, and reads no folder that the page does not touch. */
export class Lister {
  readonly #store: Store;
  readonly #cache: FolderCache;

  constructor(store: Store) {
    this.#store = store;
    this.#cache = new FolderCache((name) => store.layout.segment(name));
  }

  async list(job: ListJob): Promise<ListReply> {
    const page = new Page(job);
    const folder = job.prefix.slice(0, job.prefix.lastIndexOf("/") + 1);
    await this.#walk(folder, page);
    // Afterwards, as folders that go in the middle of a walk seem to be empty.
    checkBase(this.#store);
    return { files: page.files, prefixes: page.prefixes, next: page.next };
  }

  /** @param folder - empty, or a key's start that ends with `/`. */
  async #walk(folder: string, page: Page): Promise<void> {
    const { names } = await this.#folderAt(folder, page);
    for (let index = firstFrom(names, page.from(folder)); index < names.length && !page.isFull; index++) {
      const key = folder + names[index];
      if (page.isBeyond(key)) return;
      if (!key.endsWith("/")) this.#visitFile(key, page);
      else if (page.wants(key)) await this.#visitFolder(key, page);
    }
  }

  async #folderAt(folder: string, { sinceMs }: Page): Promise<Folder> {
    const { guard, layout } = this.#store;
    const path = layout.body(folder).slice(0, -1);
    const at = guard.visibleFolder(path);
    return at === undefined ? noFolder : this.#cache.folderAt(path, at, sinceMs);
  }

  #visitFile(key: string, page: Page): void {
    if (!page.isDue(key) || key.length > maxKeyLength) return;
    if (!page.hasRoom) page.overflow();
    else if (!page.hasDetails) page.addFile([key]);
    else this.#addWithDetails(key, page);
  }

  #addWithDetails(key: string, page: Page): void {
    const { guard, layout } = this.#store;
    const at = guard.atIfVisible(layout.body(key));
    const stats = at === undefined ? undefined : lstatIfThere(at);
    if (!stats?.isFile()) return;
    page.addFile([key, stats.size, Math.floor(fingerprintOf(stats).mtimeUs / 1000)]);
  }

  async #visitFolder(key: string, page: Page): Promise<void> {
    if (!page.rollsUp(key)) await this.#walk(key, page);
    else if (page.isDue(key) && (await this.#holdsObject(key, page))) page.addPrefix(key);
  }

  async #holdsObject(folder: string, page: Page): Promise<boolean> {
    const { names } = await this.#folderAt(folder, page);
    if (names.some((name) => !name.endsWith("/"))) return true;
    for (const name of names) if (await this.#holdsObject(folder + name, page)) return true;
    return false;
  }
}

/** A page while it is filled, and its request. */
class Page {
  readonly files: ListedFile[] = [];
  readonly prefixes: string[] = [];
  next: string | undefined;
  isFull = false;
  readonly #job: ListJob;
  #last = "";

  constructor(job: ListJob) {
    this.#job = job;
  }

  get sinceMs(): number {
    return this.#job.sinceMs;
  }

  get hasDetails(): boolean {
    return this.#job.details;
  }

  get hasRoom(): boolean {
    return this.files.length + this.prefixes.length < this.#job.limit;
  }

  /** The name in `folder` where this page may begin at the earliest. */
  from(folder: string): string {
    const { prefix, after } = this.#job;
    const [, earliest = ""] = [after, prefix].sort();
    if (!earliest.startsWith(folder)) return "";
    const rest = earliest.slice(folder.length);
    const slash = rest.indexOf("/");
    return slash === -1 ? rest : rest.slice(0, slash + 1);
  }

  isBeyond(key: string): boolean {
    const { prefix } = this.#job;
    return key > prefix && !key.startsWith(prefix);
  }

  /** Whether a folder can hold keys of this page. */
  wants(folder: string): boolean {
    const { prefix, after } = this.#job;
    if (!folder.startsWith(prefix) && !prefix.startsWith(folder)) return false;
    return folder > after || after.startsWith(folder);
  }

  isDue(key: string): boolean {
    return key > this.#job.after && key.startsWith(this.#job.prefix);
  }

  rollsUp(folder: string): boolean {
    const { prefix, delimiter } = this.#job;
    return delimiter !== undefined && folder.length > prefix.length && folder.startsWith(prefix);
  }

  addFile(file: ListedFile): void {
    this.files.push(file);
    this.#last = file[0];
  }

  addPrefix(folder: string): void {
    if (!this.hasRoom) {
      this.overflow();
      return;
    }
    this.prefixes.push(folder);
    this.#last = folder;
  }

  /** The page is full: the next one begins behind its last entry. */
  overflow(): void {
    this.isFull = true;
    this.next = this.#last;
  }
}

function firstFrom(names: readonly string[], from: string): number {
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((names[middle] ?? "") < from) low = middle + 1;
    else high = middle;
  }
  return low;
}
