import { setTimeout as after } from "node:timers/promises";
import { answerTraceparent, loadPeer, type Secret } from "../../kernel/index.js";
import { pairsIn } from "./header-pairs.js";
import { readTraceFrom } from "./trace-fields.js";
import { type OtelApi, Tracing } from "./tracing.js";
import { workSpans } from "./work-spans.js";

/** Where spans go and what they say of the service. */
export interface TracingOptions {
  /** OTLP over HTTP, without `/v1/traces`. */
  readonly endpoint: string | undefined;
  /** `name=value` pairs separated by commas. */
  readonly headers: Secret | undefined;
  readonly serviceName: string;
  readonly release: string | undefined;
  /** Share of new traces that are kept, 0 to 1. */
  readonly sampleRatio: number;
}

/** Tracing of the process, which all its apps share. */
export interface OpenTracing {
  readonly tracing: Tracing;
  /** What decided that there are spans. */
  readonly reason: string;
  /** Sends what is left when the last app closes. */
  close(): Promise<void>;
}

interface Shared extends OpenTracing {
  apps: number;
}

/** Milliseconds that one batch of spans may take, with its repetitions. */
const exportMs = 5_000;
/** Milliseconds in which the last spans must be sent. */
const closeMs = 1_000;

let shared: Promise<Shared> | undefined;

/**
 * Opens tracing when the app has started an SDK of OpenTelemetry before, or an endpoint is set; `undefined`, with nothing
 * loaded, when neither is so.
 *
 * @throws ConfigurationError that names the package when the SDK is not installed.
 */
export async function openTracing(options: TracingOptions): Promise<OpenTracing | undefined> {
  const hasProvider = isProviderRegistered();
  if (shared === undefined && !hasProvider && options.endpoint === undefined) return undefined;
  shared ??= open(options, hasProvider).catch((error: unknown) => {
    shared = undefined;
    throw error;
  });
  const opened = await shared;
  opened.apps += 1;
  return opened;
}

/** The API keeps what is registered here, whichever copy of it registers (its `global-utils`). */
function isProviderRegistered(): boolean {
  const registered: { readonly trace?: unknown } = Object(Reflect.get(globalThis, globalKey));
  return registered.trace !== undefined;
}

const globalKey = Symbol.for("opentelemetry.js.api.1");

async function open(options: TracingOptions, hasProvider: boolean): Promise<Shared> {
  const api = await load("@opentelemetry/api", () => import("@opentelemetry/api"));
  const stopSdk = hasProvider ? async () => undefined : await startSdk(api, options);
  const tracing = new Tracing(api);
  const stopSpans = workSpans(tracing);
  const stopAnswers = answerTraceparent(() => tracing.traceparent());
  readTraceFrom(() => tracing.spanContext());
  const opened: Shared = {
    tracing,
    reason: hasProvider ? "the app has started an SDK" : "OTEL_EXPORTER_OTLP_ENDPOINT is set",
    apps: 0,
    close: async () => {
      opened.apps -= 1;
      if (opened.apps > 0) return;
      shared = undefined;
      stopSpans();
      stopAnswers();
      readTraceFrom(undefined);
      await stopSdk();
    },
  };
  return opened;
}

/** Only traces, so that nothing listens or exports beside them. Returns what sends the rest and ends it. */
async function startSdk(api: OtelApi, options: TracingOptions): Promise<() => Promise<void>> {
  const [sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    load("@opentelemetry/sdk-trace-node", () => import("@opentelemetry/sdk-trace-node")),
    load("@opentelemetry/exporter-trace-otlp-http", () => import("@opentelemetry/exporter-trace-otlp-http")),
    load("@opentelemetry/resources", () => import("@opentelemetry/resources")),
  ]);
  const exporter = new OTLPTraceExporter({
    url: `${options.endpoint}/v1/traces`,
    timeoutMillis: exportMs,
    headers: pairsIn(options.headers?.reveal() ?? "") ?? {},
  });
  const provider = new sdk.NodeTracerProvider({
    resource: resourceFromAttributes({
      "service.name": options.serviceName,
      ...(options.release === undefined ? {} : { "service.version": options.release }),
    }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(options.sampleRatio) }),
    spanProcessors: [new sdk.BatchSpanProcessor(exporter)],
  });
  provider.register();
  return async () => {
    // A collector that is away must not keep the service from closing.
    const sent = provider.shutdown().catch(() => undefined);
    await Promise.race([sent, after(closeMs, undefined, { ref: false })]);
    api.trace.disable();
    api.context.disable();
    api.propagation.disable();
  };
}

function load<T>(name: string, importing: () => Promise<T>): Promise<T> {
  return loadPeer(name, "OTEL_EXPORTER_OTLP_ENDPOINT", importing);
}
