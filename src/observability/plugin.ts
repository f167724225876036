import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import fastifyPlugin from "fastify-plugin";
import { type AnyApp, type AnyRequest, appOf, fastifyOf } from "../http/index.js";
import {
  appEnvOf,
  ConfigurationError,
  type Environment,
  loadSettings,
  readEnvironment,
  refuseForeignAddress,
  sourceOf,
} from "../kernel/index.js";
import { httpMetrics } from "./fastify/http-metrics.js";
import { loadShedding } from "./fastify/load-shedding.js";
import { metricsRoute } from "./fastify/metrics-route.js";
import { requestSpans } from "./fastify/request-spans.js";
import { Metrics } from "./metrics/metrics.js";
import { loadMetricsClient, type MetricsClient, type MetricsRegistry } from "./metrics/metrics-client.js";
import { processMetrics } from "./metrics/process-metrics.js";
import { storageMetrics } from "./metrics/storage-metrics.js";
import { workMetrics } from "./metrics/work-metrics.js";
import type { Observability } from "./observability.js";
import {
  type ObservabilitySettingOptions,
  type ObservabilitySettings,
  observabilityVariables,
} from "./settings.js";
import { openTracing } from "./tracing/open-tracing.js";

declare module "fastify" {
  interface FastifyInstance {
    /** The metrics that `addObservability` added. */
    observability: Observability;
  }
}

/** Options of {@link addObservability}. */
export interface ObservabilityOptions extends ObservabilitySettingOptions {
  /** The library of metrics. Default: `prom-client`, else `@prometheus-io/client`, whichever is installed. */
  readonly client?: MetricsClient | undefined;
  /**
   * A registry of that library to add to; metrics of the process that it has, as by `collectDefaultMetrics()`, stay. Default:
   * one of its own.
   */
  readonly registry?: MetricsRegistry | undefined;
  /** What is running, in spans: a version or a commit. */
  readonly release?: string | undefined;
  /** Default: `process.env` and the `.env` file. */
  readonly env?: Environment | undefined;
}

/**
 * Measures an app: its requests, its process and every storage, and serves the metrics to Prometheus. Requests are refused
 * with 503 while the process cannot keep up. With `OTEL_EXPORTER_OTLP_ENDPOINT`, or an SDK of OpenTelemetry that the app has
 * started, there is a span for each request, storage operation and attempt, query and job.
 *
 * What a storage, a database, jobs and a cache do is measured for the whole process, whichever app they belong to.
 *
 * @throws ConfigurationError when the settings are wrong or no library of metrics is installed.
 * @example
 * const app = Fastify();
 * await addObservability(app);
 */
export async function addObservability(
  app: AnyApp,
  options: ObservabilityOptions = {},
): Promise<Observability> {
  const fastify = fastifyOf(app);
  await fastify.register(observabilityPlugin, options);
  return fastify.observability;
}

/** {@link addObservability} as a plugin. */
export const observabilityPlugin: FastifyPluginAsync<ObservabilityOptions> = fastifyPlugin(observe, {
  name: "svc-infra/observability",
  fastify: "5.x",
});

/**
 * The metrics of an app, or of the app that a request came to.
 *
 * @throws ConfigurationError when none were added.
 *
 * @example
 * const { registry } = getObservability(app);
 */
export function getObservability(from: AnyApp | AnyRequest): Observability {
  const app = appOf(from);
  if (app.hasDecorator("observability")) return app.observability;
  const message = "is not there; call 'await addObservability(app)' first";
  throw new ConfigurationError([{ name: "app.observability", message }]);
}

async function observe(app: FastifyInstance, options: ObservabilityOptions): Promise<void> {
  const serve = await observeRequests(app, options);
  await serve();
}

/** Headers that the SDK of OpenTelemetry reads by itself. */
const ownHeaders = "OTEL_EXPORTER_OTLP_TRACES_HEADERS";

/**
 * Adds the hooks that see every request, whatever refuses it later. What refuses requests itself, and the route of the
 * metrics, are added by the function that it returns: behind the hooks that guard them.
 */
export async function observeRequests(
  app: FastifyInstance,
  options: ObservabilityOptions,
): Promise<() => Promise<void>> {
  const { client, registry, release, env = readEnvironment(), ...given } = options;
  const settings = loadSettings(observabilityVariables, env, settingsOf(given));
  if (!settings.enabled) {
    app.decorate("observability", { registry: undefined });
    app.log.info("nothing is measured: ENABLE_OBS is false");
    return async () => undefined;
  }
  refuseForeignAddress(observabilityVariables, env, settingsOf(given), {
    setting: "otlpEndpoint",
    address: settings.otlpEndpoint,
    secrets: ["otlpHeaders"],
    others: sourceOf(env, ownHeaders) === "process" ? [ownHeaders] : [],
  });
  const quietPaths = ["/healthz", "/readyz", "/startupz", settings.metricsPath].map(
    (path) => `${app.prefix}${path}`,
  );
  await trace(app, settings, release, quietPaths);
  const metrics = new Metrics(client ?? (await loadMetricsClient()), registry);
  app.addHook("onClose", async () => metrics.close());
  measure(app, metrics);
  app.decorate("observability", { registry: metrics.registry });
  return async () => {
    const { metricsPath, metricsToken, maxEventLoopDelayMs, maxMemoryBytes } = settings;
    await loadShedding(app, metrics, { maxEventLoopDelayMs, maxMemoryBytes, openPaths: quietPaths });
    await metricsRoute(app, { path: metricsPath, token: metricsToken, registry: metrics.registry });
    report(app, settings, env);
  };
}

function measure(app: FastifyInstance, metrics: Metrics): void {
  processMetrics(metrics);
  storageMetrics(metrics);
  workMetrics(metrics);
  httpMetrics(app, metrics);
}

async function trace(
  app: FastifyInstance,
  { otlpEndpoint, otlpHeaders, serviceName = "svc-infra", sampleRatio }: ObservabilitySettings,
  release: string | undefined,
  quietPaths: readonly string[],
): Promise<void> {
  const opened = await openTracing({
    endpoint: otlpEndpoint,
    headers: otlpHeaders,
    serviceName,
    release,
    sampleRatio,
  });
  if (opened === undefined) return;
  app.addHook("onClose", () => opened.close());
  requestSpans(app, opened.tracing, quietPaths);
  app.log.info({ reason: opened.reason }, `tracing is on: ${opened.reason}`);
}

/** Without what Fastify's own `register` takes along with a plugin's options. */
function settingsOf(given: object): ObservabilitySettingOptions {
  const fastifyNames: ReadonlySet<string> = new Set(["prefix", "logLevel", "logSerializers"]);
  return Object.fromEntries(Object.entries(given).filter(([name]) => !fastifyNames.has(name)));
}

function report(
  app: FastifyInstance,
  { metricsPath, metricsToken }: ObservabilitySettings,
  env: Environment,
): void {
  const path = `${app.prefix}${metricsPath}`;
  const access =
    metricsToken === undefined ? "open: METRICS_TOKEN is not set" : "with the token of METRICS_TOKEN";
  app.log.info({ path }, `metrics are at ${path}, ${access}`);
  if (metricsToken === undefined && appEnvOf(env) === "prod") {
    app.log.warn(`${path} is open to every client that reaches this service; set METRICS_TOKEN`);
  }
}
