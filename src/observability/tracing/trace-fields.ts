import type { SpanContext } from "@opentelemetry/api";

/** Names of the trace in a log line, as OpenTelemetry's data model of logs has them. */
export interface TraceFields {
  readonly trace_id?: string;
  readonly span_id?: string;
}

/** Loggers whose lines name their trace already. */
const named = new WeakSet<object>();
let current: (() => SpanContext | undefined) | undefined;

/** The fields of one span. */
export function fieldsOf({ traceId, spanId }: SpanContext): TraceFields {
  return { trace_id: traceId, span_id: spanId };
}

/** From now on log lines name the span that `read` finds; none with `undefined`. */
export function readTraceFrom(read: (() => SpanContext | undefined) | undefined): void {
  current = read;
}

/** Notes that a logger has the fields of its trace, so that no line has them twice. */
export function markNamed(log: object): void {
  named.add(log);
}

/**
 * A `mixin` of pino that adds `trace_id` and `span_id` of the active span to every line; nothing where there are no spans.
 * The lines of a request have them without it.
 *
 * @example
 * const app = Fastify({ logger: { mixin: traceFields } });
 */
export function traceFields(_line?: object, _level?: number, log?: object): TraceFields {
  if (current === undefined || (log !== undefined && isNamed(log))) return {};
  const span = current();
  return span === undefined ? {} : fieldsOf(span);
}

/** A child of a logger has it as its prototype. */
function isNamed(log: object): boolean {
  for (let each: object | null = log; each !== null; each = Object.getPrototypeOf(each)) {
    if (named.has(each)) return true;
  }
  return false;
}
