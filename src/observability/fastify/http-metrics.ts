import type { FastifyInstance } from "fastify";
import type { Metrics } from "../metrics/metrics.js";

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const methods: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Counts and times every request by method, route template and class of its status; a path is never a label. */
export function httpMetrics(app: FastifyInstance, metrics: Metrics): void {
  const labels = ["method", "route", "status"];
  const count = metrics.counter({
    name: "http_server_requests_total",
    help: "Requests, by method, route template and class of the status; `aborted` when the client left.",
    labels,
  });
  const duration = metrics.histogram(
    {
      name: "http_server_request_duration_seconds",
      help: "Time from a request's headers to the end of its answer.",
      labels,
    },
    seconds,
  );
  const inFlight = metrics.gauge({
    name: "http_server_requests_in_flight",
    help: "Requests that are being answered.",
    labels: ["method", "route"],
  });
  app.addHook("onRequest", (request, reply, done) => {
    const startedAt = performance.now();
    const method = methods.has(request.method) ? request.method : "other";
    const route = request.is404 ? "unmatched" : (request.routeOptions.url ?? "unmatched");
    inFlight.inc({ method, route });
    reply.raw.once("close", () => {
      const { statusCode, writableEnded } = reply.raw;
      const status = writableEnded ? `${Math.floor(statusCode / 100)}xx` : "aborted";
      inFlight.dec({ method, route });
      count.inc({ method, route, status });
      duration.observe({ method, route, status }, (performance.now() - startedAt) / 1000);
    });
    done();
  });
}
