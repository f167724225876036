import { closeSync, constants, existsSync, openSync, readlinkSync } from "node:fs";
import { ServiceError } from "../../../contract/service-error.js";
import { errnoOf } from "./disk-error.js";
import { lstatIfThere, readSmall } from "./files.js";
import { folderOf, type Layout } from "./layout.js";

/** Open folders besides the own ones of the store. A process may often have only 1,024 descriptors. */
const maxOpen = 256;
/** Time in milliseconds after which no call of the thread pool still uses an old descriptor of an own folder. */
const closeDelayMs = 30_000;
const folderFlags = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | (constants.O_NOFOLLOW ?? 0);

/** A folder by which its entries can be named. */
interface OpenFolder {
  readonly fd: number;
  /** `/proc/PID/fd/N`: names the open folder itself, also after something else took its place. */
  readonly name: string;
  /** Turn of the event loop in which it was looked at. */
  turn: number;
  /** Whether it was used since there was last no room. */
  isUsed: boolean;
}

/**
 * Reaches files only through folders that are no symbolic links.
 *
 * On Linux a folder is opened once and its entries are named below its descriptor, which is the `openat(2)` that Node
 * lacks: a link that takes the place of the folder is never followed. `readlink(2)` of the descriptor tells where the
 * folder is now, so one call shows that no link leads to it and that it was not moved. It is asked once in a turn of the
 * event loop, in which only other processes can move a folder. Elsewhere each folder on the way is looked at by `lstat(2)`.
 */
export class SymlinkGuard {
  readonly #layout: Layout;
  readonly #own: ReadonlySet<string>;
  readonly #pinned = new Map<string, OpenFolder>();
  readonly #open = new Map<string, OpenFolder>();
  /** Folder of the names of descriptors; `undefined` where they have none. */
  readonly #descriptors: string | undefined;
  #turn = 0;
  #isTurnEnding = false;

  /** @param hasDescriptors - whether descriptors have names, as on Linux. */
  constructor(layout: Layout, hasDescriptors: boolean = existsSync("/proc/self/fd")) {
    this.#layout = layout;
    this.#own = new Set([layout.base, ...layout.folders()]);
    // `self` is a link, which each call would follow. Its target is right also where /proc is that of another namespace.
    this.#descriptors = hasDescriptors ? `/proc/${readlinkSync("/proc/self")}/fd` : undefined;
  }

  /** Lets nothing count that was looked at before: what a call found says that a folder is gone. */
  lookAgain(): void {
    this.#turn++;
  }

  /**
   * A name of the folder for the calls of this turn of the event loop; `undefined` when it is not there.
   *
   * @throws ServiceError `permission_denied` when a symbolic link is in the way.
   */
  folder(path: string): string | undefined {
    return this.#descriptors !== undefined ? this.#openFolder(path) : this.#lookAt(path);
  }

  /**
   * A name of a file whose folder is no link, for the calls of this turn of the event loop.
   *
   * @param folder - the folder of `path`, where the caller has it at hand.
   * @throws ServiceError `permission_denied` when a symbolic link is in the way; an error with `ENOENT` when the folder is gone.
   */
  at(path: string, folder: string = folderOf(path)): string {
    const name = this.folder(folder);
    if (name === undefined) throw noFolder();
    return name + path.slice(folder.length);
  }

  /** As {@link at}, for readers: `undefined` when the folder is gone or a link is in the way. */
  atIfVisible(path: string): string | undefined {
    try {
      return this.at(path);
    } catch (error) {
      if (error instanceof ServiceError || errnoOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** @throws ServiceError `permission_denied` when a symbolic link is in the way of the folder, which need not be there. */
  isReal(path: string): boolean {
    return this.folder(path) !== undefined;
  }

  /** As {@link isReal}, for readers: a folder behind a link is not there. */
  isVisible(path: string): boolean {
    return this.visibleFolder(path) !== undefined;
  }

  /** As {@link folder}, for readers: `undefined` also when a link is in the way. */
  visibleFolder(path: string): string | undefined {
    return this.atIfVisible(`${path}/`);
  }

  /**
   * Whether an open file was reached without a link. A file that was removed or replaced meanwhile is still that file.
   *
   * @param path - the path by which it was opened.
   */
  isReached(fd: number, path: string): boolean {
    if (this.#descriptors === undefined) return this.isVisible(folderOf(path));
    const where = this.#whereIs(fd);
    return where === path || where === `${path} (deleted)`;
  }

  /** The text of a small file; `undefined` when there is none, or a link on the way to it. */
  readSmall(path: string): string | undefined {
    return readSmall(path, (fd) => this.isReached(fd, path));
  }

  /** Closes all descriptors. */
  close(): void {
    for (const { fd } of [...this.#pinned.values(), ...this.#open.values()]) closeSync(fd);
    this.#pinned.clear();
    this.#open.clear();
  }

  #openFolder(path: string): string | undefined {
    const folders = this.#own.has(path) ? this.#pinned : this.#open;
    const known = folders.get(path);
    if (known === undefined) return this.#openAnew(path, folders);
    if (known.turn === this.#turn) return known.name;
    if (this.#whereIs(known.fd) === (path || "/")) return this.#use(known);
    folders.delete(path);
    if (folders === this.#open) closeSync(known.fd);
    else setTimeout(closeSync, closeDelayMs, known.fd).unref();
    return this.#openAnew(path, folders);
  }

  #openAnew(path: string, folders: Map<string, OpenFolder>): string | undefined {
    const fd = this.#tryOpen(path);
    if (fd === undefined) return undefined;
    const where = this.#whereIs(fd);
    if (where !== (path || "/")) {
      closeSync(fd);
      if (where === undefined || where.endsWith(" (deleted)")) return undefined;
      this.#lookAt(path);
      throw linkInTheWay(this.#layout, path);
    }
    if (folders === this.#open) this.#makeRoom();
    const folder = { fd, name: `${this.#descriptors}/${fd}`, turn: this.#turn, isUsed: false };
    folders.set(path, folder);
    return this.#use(folder);
  }

  #tryOpen(path: string): number | undefined {
    try {
      return openSync(path || "/", folderFlags);
    } catch (error) {
      const errno = errnoOf(error);
      // The lstat of each folder tells whether it is missing or behind a link.
      if (errno === "ENOENT" || errno === "ENOTDIR" || errno === "ELOOP") return void this.#lookAt(path);
      throw error;
    }
  }

  /** A check is valid until the current turn of the event loop ends. */
  #use(folder: OpenFolder): string {
    folder.turn = this.#turn;
    folder.isUsed = true;
    if (!this.#isTurnEnding) {
      this.#isTurnEnding = true;
      setImmediate(() => {
        this.#turn++;
        this.#isTurnEnding = false;
      });
    }
    return folder.name;
  }

  #whereIs(fd: number): string | undefined {
    try {
      return readlinkSync(`${this.#descriptors}/${fd}`);
    } catch {
      return undefined;
    }
  }

  /** Closes the oldest that was not used lately: to put each in order whenever it is used costs more. */
  #makeRoom(): void {
    for (const [path, folder] of this.#open) {
      if (this.#open.size < maxOpen) return;
      this.#open.delete(path);
      if (folder.isUsed) this.#open.set(path, folder);
      else closeSync(folder.fd);
      folder.isUsed = false;
    }
  }

  #lookAt(path: string): string | undefined {
    for (let end = this.#layout.base.length; end !== -1; end = path.indexOf("/", end + 1)) {
      if (end !== this.#layout.base.length && !this.#isFolder(path.slice(0, end))) return undefined;
    }
    return this.#isFolder(path) ? path : undefined;
  }

  #isFolder(path: string): boolean {
    const stats = lstatIfThere(path || "/");
    if (stats?.isSymbolicLink()) throw linkInTheWay(this.#layout, path);
    return stats?.isDirectory() === true;
  }
}

function noFolder(): Error {
  return Object.assign(new Error("the folder is gone"), { code: "ENOENT" });
}

/** Names only the own folders of the store: other paths may hold the name of a tenant, which a caller must not learn. */
export function linkInTheWay(layout: Layout, path: string): ServiceError {
  const where = layout.folders().includes(path)
    ? `where '${layout.nameOf(path)}' should be`
    : "in the way of the key";
  return new ServiceError("permission_denied", `a symbolic link stands ${where}`);
}
