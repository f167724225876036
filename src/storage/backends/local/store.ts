import { Layout } from "./disk/layout.js";
import { SymlinkGuard } from "./disk/symlink-guard.js";
import { Sync } from "./disk/sync.js";
import { BodyDates } from "./record/body-date.js";
import type { LockOwner } from "./record/lock-owner.js";
import { randomToken, tempPrefix } from "./record/temp-name.js";

/** What each thread needs to work on a folder. */
export interface StoreSettings {
  /** Tells the open stores of a process apart. */
  readonly id: number;
  /** Real path of the base folder. */
  readonly base: string;
  readonly owner: LockOwner;
  readonly isDurable: boolean;
  /** Whether the file system takes names that differ by case for one. */
  readonly foldsCase: boolean;
}

/** One base folder as a thread sees it. */
export class Store {
  readonly layout: Layout;
  readonly guard: SymlinkGuard;
  readonly owner: LockOwner;
  readonly sync: Sync;
  readonly dates: BodyDates = new BodyDates();
  readonly foldsCase: boolean;
  /** JSON of the owner, as every record has it. */
  readonly ownerText: string;
  readonly #tempPrefix: string;

  constructor({ base, owner, isDurable, foldsCase }: StoreSettings) {
    this.layout = new Layout(base);
    this.guard = new SymlinkGuard(this.layout);
    this.owner = owner;
    this.ownerText = JSON.stringify(owner);
    this.sync = new Sync(isDurable);
    this.foldsCase = foldsCase;
    this.#tempPrefix = tempPrefix(owner);
  }

  /** Path of a temporary file that no other writer uses. */
  newTemp(): string {
    return this.layout.temp(this.#tempPrefix + randomToken());
  }
}
