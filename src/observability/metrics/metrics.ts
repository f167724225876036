import { ConfigurationError } from "../../kernel/index.js";
import type {
  CounterMetric,
  GaugeMetric,
  HistogramMetric,
  MetricConfiguration,
  MetricsClient,
  MetricsRegistry,
} from "./metrics-client.js";

/** What one metric is called and what its labels are. */
export interface MetricSpec {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  /** Whether it is about the process: one of that name that the registry has already says the same, and stays. */
  readonly ofProcess?: boolean;
}

/** Makes metrics on one registry, and takes them away again. */
export class Metrics {
  readonly registry: MetricsRegistry;
  readonly #client: MetricsClient;
  readonly #names: string[] = [];
  readonly #stops: (() => void)[] = [];

  constructor(client: MetricsClient, registry: MetricsRegistry = new client.Registry() as MetricsRegistry) {
    this.#client = client;
    this.registry = registry;
  }

  /** @param collect - brings it up to date before each read. */
  counter(spec: MetricSpec, collect?: () => void): CounterMetric {
    const own = collect === undefined ? {} : { collect };
    return new this.#client.Counter({ ...this.#configure(spec), ...own } as never);
  }

  /** @param collect - sets the values before each read. */
  gauge(spec: MetricSpec, collect?: (gauge: GaugeMetric) => void): GaugeMetric {
    const own = collect === undefined ? {} : { collect: () => collect(gauge) };
    const gauge: GaugeMetric = new this.#client.Gauge({ ...this.#configure(spec), ...own } as never);
    return gauge;
  }

  /** @param buckets - upper bounds, in the unit of the metric. */
  histogram(spec: MetricSpec, buckets: readonly number[]): HistogramMetric {
    return new this.#client.Histogram({ ...this.#configure(spec), buckets: [...buckets] } as never);
  }

  /** Keeps something that must be stopped with the metrics. */
  stopWith(stop: () => void): void {
    this.#stops.push(stop);
  }

  /** Stops what feeds the metrics and leaves the registry as it was. */
  close(): void {
    for (const stop of this.#stops.splice(0)) stop();
    for (const name of this.#names.splice(0)) this.registry.removeSingleMetric(name);
  }

  /** @throws ConfigurationError when the registry has another one of that name: the library says no remedy. */
  #configure({ name, help, labels = [], ofProcess = false }: MetricSpec): MetricConfiguration {
    const isThere = this.registry.getSingleMetric(name) !== undefined;
    if (isThere && !ofProcess) {
      const message = `has the metric ${name} already; give each app a registry of its own`;
      throw new ConfigurationError([{ name: "option 'registry'", message }]);
    }
    if (!isThere) this.#names.push(name);
    return { name, help, labelNames: [...labels], registers: isThere ? [] : [this.registry] };
  }
}
