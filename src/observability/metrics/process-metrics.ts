import { constants, monitorEventLoopDelay, PerformanceObserver, performance } from "node:perf_hooks";
import type { Metrics } from "./metrics.js";

const gcKinds = new Map<unknown, string>([
  [constants.NODE_PERFORMANCE_GC_MAJOR, "major"],
  [constants.NODE_PERFORMANCE_GC_MINOR, "minor"],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, "incremental"],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, "weakcb"],
]);

const ofProcess = true;

/**
 * What the process itself needs: CPU, memory, event loop and garbage collection, by the names that dashboards know
 * from prom-client's own default metrics. Those are not used: three of their names break the rules of Prometheus,
 * and their observers outlive the registry. A registry that has some of them keeps its own.
 */
export function processMetrics(metrics: Metrics): void {
  memory(metrics);
  cpu(metrics);
  eventLoop(metrics);
  garbageCollection(metrics);
}

function memory(metrics: Metrics): void {
  const sizes = [
    { name: "process_resident_memory_bytes", help: "Resident memory in bytes.", of: "rss" },
    { name: "nodejs_heap_size_total_bytes", help: "Size of the heap in bytes.", of: "heapTotal" },
    { name: "nodejs_heap_size_used_bytes", help: "Used part of the heap in bytes.", of: "heapUsed" },
    { name: "nodejs_external_memory_bytes", help: "Memory outside the heap in bytes.", of: "external" },
  ] as const;
  for (const { of, ...spec } of sizes) {
    metrics.gauge({ ...spec, ofProcess }, (gauge) => gauge.set({}, process.memoryUsage()[of]));
  }
  metrics
    .gauge({
      name: "process_start_time_seconds",
      help: "Start of the process, in seconds since 1970.",
      ofProcess,
    })
    .set({}, Math.round(performance.timeOrigin / 1000));
}

function cpu(metrics: Metrics): void {
  let told = 0;
  const spec = {
    name: "process_cpu_seconds_total",
    help: "CPU time, user and system, in seconds.",
    ofProcess,
  };
  const counter = metrics.counter(spec, () => {
    const { user, system } = process.cpuUsage();
    counter.inc({}, (user + system) / 1e6 - told);
    told = (user + system) / 1e6;
  });
}

function eventLoop(metrics: Metrics): void {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  metrics.stopWith(() => delay.disable());
  const values = {
    mean: () => delay.mean,
    p50: () => delay.percentile(50),
    p99: () => delay.percentile(99),
    max: () => delay.max,
  };
  for (const [name, read] of Object.entries(values)) {
    const help = `Delay of the event loop since the last read: ${name}, in seconds.`;
    metrics.gauge({ name: `nodejs_eventloop_lag_${name}_seconds`, help, ofProcess }, (gauge) => {
      gauge.set({}, Number.isFinite(read()) ? read() / 1e9 : 0);
      if (name === "max") setImmediate(() => delay.reset());
    });
  }
  const help = "Share of the time since the last read in which the event loop was busy, 0 to 1.";
  let since = performance.eventLoopUtilization();
  metrics.gauge({ name: "nodejs_eventloop_utilization_ratio", help, ofProcess }, (gauge) => {
    const now = performance.eventLoopUtilization();
    gauge.set({}, performance.eventLoopUtilization(now, since).utilization);
    since = now;
  });
}

function garbageCollection(metrics: Metrics): void {
  const help = "Pauses of garbage collection in seconds, by kind.";
  const pauses = metrics.histogram(
    { name: "nodejs_gc_duration_seconds", help, labels: ["kind"], ofProcess },
    [0.001, 0.01, 0.1, 1, 2, 5],
  );
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { detail }: { detail?: { kind?: unknown } } = entry as object;
      pauses.observe({ kind: gcKinds.get(detail?.kind) ?? "other" }, entry.duration / 1000);
    }
  });
  observer.observe({ entryTypes: ["gc"] });
  metrics.stopWith(() => observer.disconnect());
}
