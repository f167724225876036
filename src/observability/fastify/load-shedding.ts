import { totalmem } from "node:os";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { problemContentType, problemOf } from "../../http/index.js";
import type { Metrics } from "../metrics/metrics.js";

/** From when on requests are refused; 0 for never. */
export interface SheddingOptions {
  readonly maxEventLoopDelayMs: number;
  /** Default: 90 % of the memory limit of the container. */
  readonly maxMemoryBytes: number | undefined;
  /** Paths that are answered all the same: probes and metrics, by which the trouble is seen. */
  readonly openPaths: readonly string[];
}

/** Long enough that one slow turn of the event loop, as at the start of a process, is no overload. */
const sampleMs = 5_000;
const retryAfterSeconds = 5;

/** Answers 503 with `Retry-After` while the process cannot keep up, so that what it has begun is finished. */
export async function loadShedding(
  app: FastifyInstance,
  metrics: Metrics,
  options: SheddingOptions,
): Promise<void> {
  const { maxEventLoopDelayMs, maxMemoryBytes = memoryLimit(), openPaths } = options;
  const isOpen = new Set(openPaths);
  const count = metrics.counter({
    name: "http_server_requests_shed_total",
    help: "Requests that were refused because the process could not keep up, by what was short.",
    labels: ["reason"],
  });
  for (const reason of ["event_loop", "memory"]) count.inc({ reason }, 0);
  const refuse = (request: FastifyRequest, reply: FastifyReply, reason: "event_loop" | "memory") => {
    const path = request.url.split("?", 1)[0] ?? "";
    if (isOpen.has(path)) return undefined;
    count.inc({ reason });
    const detail = "the service cannot keep up; try again later";
    const problem = { ...problemOf({ statusCode: 503, code: "overloaded" }, path), detail };
    reply.code(503).headers({ "retry-after": String(retryAfterSeconds), "cache-control": "no-store" });
    reply.type(problemContentType);
    return Buffer.from(JSON.stringify(problem));
  };
  const { default: underPressure } = await import("@fastify/under-pressure");
  await app.register(underPressure, {
    sampleInterval: sampleMs,
    maxEventLoopDelay: maxEventLoopDelayMs,
    maxRssBytes: maxMemoryBytes,
    // under-pressure sends what the handler returns, though its types do not say so.
    pressureHandler: (request, reply, type) =>
      refuse(request, reply, type === "rssBytes" ? "memory" : "event_loop") as undefined,
  });
}

/** Node tells a number beyond the machine's memory, or 0, where there is no limit. */
function memoryLimit(): number {
  const bytes = process.constrainedMemory();
  return bytes > 0 && bytes < totalmem() ? Math.floor(bytes * 0.9) : 0;
}
