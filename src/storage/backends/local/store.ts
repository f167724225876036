import { Layout } from "./disk/layout.js";
import { SymlinkGuard } from "./disk/symlink-guard.js";
import { Sync } from "./disk/sync.js";
import { BodyDates } from "./record/body-date.js";
import type { LockOwner } from "./record/lock-owner.js";
import { RecordCache } from "./record/record-cache.js";
import { randomToken, tempPrefix } from "./record/temp-name.js";

/** What is decided about a folder when it is opened. */
export interface StoreSettings {
  /** Real path of the base folder. */
  readonly base: string;
  readonly owner: LockOwner;
  readonly isDurable: boolean;
  /** Whether names of files tell capital letters apart, as the file system does not. */
  readonly unfolds: boolean;
}

/** One base folder, and what all work on it shares. */
export class Store {
  readonly layout: Layout;
  readonly guard: SymlinkGuard;
  readonly owner: LockOwner;
  readonly sync: Sync;
  readonly dates: BodyDates = new BodyDates();
  readonly records: RecordCache = new RecordCache();
  readonly unfolds: boolean;
  /** JSON of the owner, as every record has it. */
  readonly ownerText: string;
  readonly #tempPrefix: string;

  constructor({ base, owner, isDurable, unfolds }: StoreSettings) {
    this.layout = new Layout(base, unfolds);
    this.guard = new SymlinkGuard(this.layout);
    this.owner = owner;
    this.unfolds = unfolds;
    this.ownerText = JSON.stringify(owner);
    this.sync = new Sync(isDurable);
    this.#tempPrefix = tempPrefix(owner);
  }

  /** Path of a temporary file that no other writer uses. */
  newTemp(): string {
    return this.layout.temp(this.#tempPrefix + randomToken());
  }
}
