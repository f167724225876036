import type { Holder } from "./holder.js";
import { Layout } from "./layout.js";
import { Sync, turnsOf } from "./sync.js";
import { randomToken, tempPrefix } from "./temp-name.js";

/** What every job of a thread needs. */
export interface StoreSettings {
  /** Real path of the base folder. */
  readonly base: string;
  readonly holder: Holder;
  readonly isDurable: boolean;
  /** Tells the stores of a process apart. */
  readonly id: string;
  /** Its place among the turns of {@link Sync}. */
  readonly turn: number;
}

/** One base folder as a thread sees it. */
export class Store {
  readonly layout: Layout;
  readonly holder: Holder;
  readonly sync: Sync;
  /** JSON of the holder, as every record has it. */
  readonly holderText: string;
  readonly #tempPrefix: string;

  /** @param turns - by which threads share syncs; without it each syncs for itself. */
  constructor(settings: StoreSettings, turns?: SharedArrayBuffer) {
    this.layout = new Layout(settings.base);
    this.holder = settings.holder;
    this.holderText = JSON.stringify(settings.holder);
    this.sync = new Sync(settings.isDurable, this.layout.pendings, turns && turnsOf(turns, settings.turn));
    this.#tempPrefix = tempPrefix(settings.holder);
  }

  /** Path of a temporary file that nobody else uses. */
  newTemp(): string {
    return this.layout.temp(this.#tempPrefix + randomToken());
  }
}
