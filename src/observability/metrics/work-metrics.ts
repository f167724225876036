import type { CacheRead } from "../../cache/index.js";
import type { JobRunFacts } from "../../jobs/index.js";
import { measurePools, type PoolFacts } from "../../kernel/index.js";
import type { QueryFacts } from "../../sql/index.js";
import type { ScanFacts } from "../../storage/index.js";
import type { WebhookAttempt } from "../../webhooks/index.js";
import type { Metrics } from "./metrics.js";
import type { GaugeMetric } from "./metrics-client.js";
import { watchNews, watchWork } from "./watch-work.js";

const querySeconds = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 30];
const jobSeconds = [0.01, 0.1, 0.5, 1, 5, 30, 60, 300, 1800];
const attemptSeconds = [0.05, 0.1, 0.5, 1, 5, 15, 60];
const scanSeconds = [0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120];

/** Queries, jobs, reads of the cache, scans, attempts of webhooks, and pools of connections of the process. */
export function workMetrics(metrics: Metrics): void {
  metrics.stopWith(queries(metrics));
  metrics.stopWith(jobs(metrics));
  metrics.stopWith(cacheReads(metrics));
  metrics.stopWith(scans(metrics));
  metrics.stopWith(webhookAttempts(metrics));
  pools(metrics);
}

function queries(metrics: Metrics): () => void {
  const labels = ["database", "status"];
  const duration = metrics.histogram(
    { name: "sql_query_duration_seconds", help: "Time that a query took.", labels },
    querySeconds,
  );
  return watchWork<QueryFacts>("svc-infra:sql:query", {
    ended: ({ facts: { database }, error, durationSeconds }) =>
      duration.observe({ database, status: statusOf(error) }, durationSeconds),
  });
}

function jobs(metrics: Metrics): () => void {
  const duration = metrics.histogram(
    {
      name: "jobs_run_duration_seconds",
      help: "Time that an attempt of a job took, by job and success or error.",
      labels: ["driver", "name", "status"],
    },
    jobSeconds,
  );
  const running = metrics.gauge({
    name: "jobs_running",
    help: "Jobs that this process works on.",
    labels: ["driver", "name"],
  });
  return watchWork<JobRunFacts>("svc-infra:jobs:run", {
    began: ({ driver, job }) => running.inc({ driver, name: job }),
    ended: ({ facts: { driver, job }, error, durationSeconds }) => {
      running.dec({ driver, name: job });
      duration.observe({ driver, name: job, status: statusOf(error) }, durationSeconds);
    },
  });
}

function cacheReads(metrics: Metrics): () => void {
  const count = metrics.counter({
    name: "cache_reads_total",
    help: "Reads of the cache, by store and hit, stale, miss or error.",
    labels: ["store", "result"],
  });
  return watchNews<CacheRead>("svc-infra:cache:read", ({ store, result }) => count.inc({ store, result }));
}

function scans(metrics: Metrics): () => void {
  const duration = metrics.histogram(
    {
      name: "storage_scan_duration_seconds",
      help: "Time from the first piece of content to the scanner's verdict: clean, infected or unavailable.",
      labels: ["scanner", "verdict"],
    },
    scanSeconds,
  );
  return watchNews<ScanFacts>("svc-infra:storage:scan", ({ scanner, verdict, durationSeconds }) =>
    duration.observe({ scanner, verdict }, durationSeconds),
  );
}

function webhookAttempts(metrics: Metrics): () => void {
  const duration = metrics.histogram(
    {
      name: "webhooks_attempt_duration_seconds",
      help: "Time that an attempt to deliver a webhook took, by what came of it: delivered, retried or failed.",
      labels: ["outcome"],
    },
    attemptSeconds,
  );
  return watchNews<WebhookAttempt>("svc-infra:webhooks:attempt", ({ outcome, durationSeconds }) =>
    duration.observe({ outcome }, durationSeconds),
  );
}

/** Sizes of every kind of pool, asked for with each read. */
function pools(metrics: Metrics): void {
  const labels = ["pool"];
  const sizes = [
    {
      name: "connection_pool_max_connections",
      help: "Most connections that a pool may open.",
      of: "maxConnections",
    },
    { name: "connection_pool_connections", help: "Connections that are open.", of: "connections" },
    { name: "connection_pool_idle_connections", help: "Open connections that do nothing.", of: "idle" },
    { name: "connection_pool_waiting", help: "Calls that wait for a connection.", of: "waiting" },
  ] as const;
  for (const { of, ...spec } of sizes) metrics.gauge({ ...spec, labels }, (gauge) => setSums(gauge, of));
}

/** A pool that has been closed keeps its series, with 0. */
const known = new Set<string>();

function setSums(gauge: GaugeMetric, of: Exclude<keyof PoolFacts, "pool">): void {
  const sums = new Map<string, number>();
  for (const facts of measurePools()) sums.set(facts.pool, (sums.get(facts.pool) ?? 0) + facts[of]);
  for (const pool of sums.keys()) known.add(pool);
  for (const pool of known) gauge.set({ pool }, sums.get(pool) ?? 0);
}

function statusOf(error: unknown): "success" | "error" {
  return error === undefined ? "success" : "error";
}
