import type { Holder } from "./holder.js";
import { Layout } from "./layout.js";
import { randomToken, tempPrefix } from "./temp-name.js";

/** What every job of a thread needs. */
export interface StoreSettings {
  /** Real path of the base folder. */
  readonly base: string;
  readonly holder: Holder;
  readonly isDurable: boolean;
}

/** One base folder as a thread sees it. */
export class Store {
  readonly layout: Layout;
  readonly holder: Holder;
  readonly isDurable: boolean;
  readonly #tempPrefix: string;

  constructor(settings: StoreSettings) {
    this.layout = new Layout(settings.base);
    this.holder = settings.holder;
    this.isDurable = settings.isDurable;
    this.#tempPrefix = tempPrefix(settings.holder);
  }

  /** Path of a temporary file that nobody else uses. */
  newTemp(): string {
    return this.layout.temp(this.#tempPrefix + randomToken());
  }
}
