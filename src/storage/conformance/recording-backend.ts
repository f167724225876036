import type { Capabilities } from "../contract/backend.js";
import { type BackendCall, LayerBackend, type Next, type Verb } from "../layers/layer-backend.js";

/** Notes what reaches the backend. */
export class RecordingBackend<C extends Capabilities> extends LayerBackend<C> {
  readonly verbs: Verb[] = [];

  protected override intercept<T>(call: BackendCall, next: Next<T>): Promise<T> {
    this.verbs.push(call.verb);
    return next(call.signal);
  }
}
