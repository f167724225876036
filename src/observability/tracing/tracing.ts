import { AsyncLocalStorage } from "node:async_hooks";
import type { Attributes, Context, Span, SpanContext, SpanKind, Tracer } from "@opentelemetry/api";

/** The package `@opentelemetry/api`. */
export type OtelApi = typeof import("@opentelemetry/api");

/** How a span begins. */
export interface SpanStart {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
  /** A span of another time or process that it goes below. Default: the active one. */
  readonly traceparent?: string | undefined;
}

/** The header of W3C Trace Context, version 00. */
const traceparentOf = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Spans of the process, through the API of OpenTelemetry. */
export class Tracing {
  readonly api: OtelApi;
  /** Makes the context of a span the active one, for channels of `node:diagnostics_channel`. */
  readonly active: AsyncLocalStorage<Context>;
  readonly #tracer: Tracer;

  constructor(api: OtelApi) {
    this.api = api;
    this.active = new ActiveContext(api);
    this.#tracer = api.trace.getTracer("svc-infra");
  }

  /** Begins a span. Returns it with the context in which its own work is done. */
  begin(
    { name, kind, attributes, traceparent }: SpanStart,
    parent: Context = this.#named(traceparent) ?? this.api.context.active(),
  ): { span: Span; context: Context } {
    const span = this.#tracer.startSpan(name, { kind, attributes }, parent);
    return { span, context: this.api.trace.setSpan(parent, span) };
  }

  /** Ends a span; with an error it tells its code, and never its message, which may hold what callers sent. */
  end(span: Span, error: unknown): void {
    if (error !== undefined) {
      span.setAttribute("error.type", errorType(error));
      span.setStatus({ code: this.api.SpanStatusCode.ERROR });
    }
    span.end();
  }

  /** The span in whose work this is called. */
  spanContext(): SpanContext | undefined {
    return this.api.trace.getSpanContext(this.api.context.active());
  }

  /** The same span as a `traceparent` header names it. */
  traceparent(): string | undefined {
    const span = this.spanContext();
    if (span === undefined) return undefined;
    const flags = span.traceFlags.toString(16).padStart(2, "0");
    return `00-${span.traceId}-${span.spanId}-${flags}`;
  }

  #named(traceparent: string | undefined): Context | undefined {
    const [, traceId, spanId, flags] = traceparentOf.exec(traceparent ?? "") ?? [];
    if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
    const span = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
    return this.api.trace.setSpanContext(this.api.ROOT_CONTEXT, span);
  }
}

/** A store for `bindStore` that hands its value to OpenTelemetry's own context. */
class ActiveContext extends AsyncLocalStorage<Context> {
  readonly #api: OtelApi;

  constructor(api: OtelApi) {
    super();
    this.#api = api;
  }

  override run<R, Args extends unknown[]>(context: Context, work: (...args: Args) => R, ...args: Args): R {
    return this.#api.context.with(context, () => work(...args));
  }
}

/** The stable code of an error, else the name of its class. */
function errorType(error: unknown): string {
  const { code, name }: { code?: unknown; name?: unknown } = Object(error);
  if (typeof code === "string") return code;
  return typeof name === "string" ? name : "unknown";
}
