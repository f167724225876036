import type { Holder } from "./holder.js";
import { JournalWriter } from "./journal-writer.js";
import { Layout } from "./layout.js";
import { RealFolders } from "./real-folders.js";
import { Stamps } from "./stamps.js";
import { Stopwatch } from "./stopwatch.js";
import { Sync } from "./sync.js";
import { randomToken, tempPrefix } from "./temp-name.js";

/** What every job of a thread needs. */
export interface StoreSettings {
  /** Real path of the base folder. */
  readonly base: string;
  readonly holder: Holder;
  readonly isDurable: boolean;
  /** Tells the stores of a process apart. */
  readonly id: string;
}

/** One base folder as a thread sees it. */
export class Store {
  readonly layout: Layout;
  readonly realFolders: RealFolders;
  readonly holder: Holder;
  /** Runs while a thread waits for the disk. */
  readonly stopwatch: Stopwatch = new Stopwatch();
  readonly sync: Sync;
  readonly journal: JournalWriter;
  readonly stamps: Stamps = new Stamps();
  /** JSON of the holder, as every record has it. */
  readonly holderText: string;
  /** How the names of its temporary files and journals begin. */
  readonly namePrefix: string;

  constructor(settings: StoreSettings) {
    this.layout = new Layout(settings.base);
    this.realFolders = new RealFolders(this.layout);
    this.holder = settings.holder;
    this.holderText = JSON.stringify(settings.holder);
    this.sync = new Sync(settings.isDurable, this.stopwatch);
    this.namePrefix = tempPrefix(settings.holder);
    this.journal = new JournalWriter(this.layout, this.sync, () => this.#newName());
  }

  /** Path of a temporary file that nobody else uses. Who writes there has to have checked that no link leads to it. */
  newTemp(): string {
    return this.layout.temp(this.#newName());
  }

  #newName(): string {
    return this.namePrefix + randomToken();
  }
}
