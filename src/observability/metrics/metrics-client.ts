import { ConfigurationError } from "../../kernel/index.js";

/** Values of the labels of one series. */
export type Labels = Readonly<Record<string, string>>;

/** Something that only grows. */
export interface CounterMetric {
  inc(labels: Labels, by?: number): void;
}

/** Something that goes up and down. */
export interface GaugeMetric {
  inc(labels: Labels, by?: number): void;
  dec(labels: Labels, by?: number): void;
  set(labels: Labels, value: number): void;
}

/** Counts by size. */
export interface HistogramMetric {
  observe(labels: Labels, value: number): void;
}

/** What a metric is made of. */
export interface MetricConfiguration {
  readonly name: string;
  readonly help: string;
  readonly labelNames: string[];
  readonly registers: MetricsRegistry[];
  readonly buckets?: number[];
  /** Called before each read. */
  readonly collect?: () => void;
}

/** Where metrics are kept and read. */
export interface MetricsRegistry {
  readonly contentType: string;
  metrics(): Promise<string>;
  getSingleMetric(name: string): unknown;
  removeSingleMetric(name: string): void;
}

/** What `prom-client` and its successor `@prometheus-io/client` have in common. */
export interface MetricsClient {
  readonly Registry: new () => unknown;
  readonly Counter: new (configuration: never) => CounterMetric;
  readonly Gauge: new (configuration: never) => GaugeMetric;
  readonly Histogram: new (configuration: never) => HistogramMetric;
}

const packages = [
  { name: "prom-client", load: () => import("prom-client") },
  { name: "@prometheus-io/client", load: (): Promise<unknown> => import("@prometheus-io/client" as string) },
] as const;

/**
 * The library of metrics that the app has installed: `prom-client`, else `@prometheus-io/client`. Two of them at once
 * would keep two sets of series, so only one is ever loaded.
 *
 * @throws ConfigurationError that names both when there is neither.
 */
export async function loadMetricsClient(): Promise<MetricsClient> {
  for (const { load } of packages) {
    const module: unknown = await load().catch(refuseAllButMissing);
    if (isClient(module)) return module;
  }
  const [first, second] = packages;
  const message = `addObservability needs one of two packages: npm install ${first.name} (or ${second.name})`;
  throw new ConfigurationError([{ name: first.name, message }]);
}

function refuseAllButMissing(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND") return undefined;
  throw error;
}

function isClient(module: unknown): module is MetricsClient {
  return typeof module === "object" && module !== null && "Registry" in module && "Counter" in module;
}
