import type { Capabilities } from "../contract/backend.js";
import { AroundBackend, type BackendCall, type Next, type Verb } from "../layers/around.js";

/** Notes what reaches the backend. */
export class RecordingBackend<C extends Capabilities> extends AroundBackend<C> {
  readonly verbs: Verb[] = [];

  protected override around<T>(call: BackendCall, next: Next<T>): Promise<T> {
    this.verbs.push(call.verb);
    return next(call.signal);
  }
}
