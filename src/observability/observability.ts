import type { MetricsRegistry } from "./metrics/metrics-client.js";

/** What `addObservability` gives an app. */
export interface Observability {
  /** Where the app's metrics are kept; add your own to it. `undefined` with `ENABLE_OBS=false`. */
  readonly registry: MetricsRegistry | undefined;
}
