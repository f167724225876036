export type { MetricsClient, MetricsRegistry } from "./metrics/metrics-client.js";
export type { Observability } from "./observability.js";
export {
  addObservability,
  getObservability,
  type ObservabilityOptions,
  observabilityPlugin,
} from "./plugin.js";
export { observabilityVariables } from "./settings.js";
export { type TraceFields, traceFields } from "./tracing/trace-fields.js";
