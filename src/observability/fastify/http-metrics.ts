import type { FastifyInstance } from "fastify";
import { whenClosed } from "../../http/index.js";
import type { Metrics } from "../metrics/metrics.js";
import type { GaugeMetric, Labels } from "../metrics/metrics-client.js";

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const methods: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Counts and times every request by method, route template and class of its status; a path is never a label. */
export function httpMetrics(app: FastifyInstance, metrics: Metrics): void {
  const labels = ["method", "route", "status"];
  const counted = new PendingCounts();
  const running = new PendingCounts();
  const count = metrics.counter(
    {
      name: "http_server_requests_total",
      help: "Requests, by method, route template and class of the status; `aborted` when the client left.",
      labels,
    },
    () => counted.drain((series, requests) => count.inc(series, requests)),
  );
  const duration = metrics.histogram(
    {
      name: "http_server_request_duration_seconds",
      help: "Time from a request's headers to the end of its answer.",
      labels,
    },
    seconds,
  );
  const inFlight: GaugeMetric = metrics.gauge(
    {
      name: "http_server_requests_in_flight",
      help: "Requests that are being answered.",
      labels: ["method", "route"],
    },
    () => running.drain((series, change) => inFlight.inc(series, change)),
  );
  app.addHook("onRequest", (request, reply, done) => {
    const startedAt = performance.now();
    const method = methods.has(request.method) ? request.method : "other";
    const route = request.is404 ? "unmatched" : (request.routeOptions.url ?? "unmatched");
    running.add(1, method, route);
    whenClosed(reply.raw, () => {
      const { statusCode, writableEnded } = reply.raw;
      const status = writableEnded ? `${Math.floor(statusCode / 100)}xx` : "aborted";
      running.add(-1, method, route);
      counted.add(1, method, route, status);
      duration.observe({ method, route, status }, (performance.now() - startedAt) / 1000);
    });
    done();
  });
}

/** Sums by series until they are read: a client of Prometheus looks a series up by its labels, which costs more. */
class PendingCounts {
  readonly #sums = new Map<string, { readonly series: Labels; sum: number }>();

  add(change: number, method: string, route: string, status?: string): void {
    const name = `${method} ${status} ${route}`;
    let entry = this.#sums.get(name);
    if (entry === undefined) {
      entry = { series: { method, route, ...(status === undefined ? {} : { status }) }, sum: 0 };
      this.#sums.set(name, entry);
    }
    entry.sum += change;
  }

  /** Tells what came since it was told before. */
  drain(tell: (series: Labels, sum: number) => void): void {
    for (const entry of this.#sums.values()) {
      tell(entry.series, entry.sum);
      entry.sum = 0;
    }
  }
}
