import type { IncomingMessage } from "node:http";
import type { Context, Span } from "@opentelemetry/api";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { whenClosed, withoutSignature } from "../../http/index.js";
import { fieldsOf, markNamed } from "../tracing/trace-fields.js";
import type { Tracing } from "../tracing/tracing.js";

interface Begun {
  readonly span: Span;
  readonly context: Context;
  error?: Error;
}

/**
 * A span for each request, by the conventions of OpenTelemetry for HTTP servers; the trace of a `traceparent` header (W3C
 * Trace Context) goes on. Requests of probes and metrics, every few seconds and always the same, have none.
 */
export function requestSpans(app: FastifyInstance, tracing: Tracing, quietPaths: readonly string[]): void {
  const spans = new RequestSpans(tracing, new Set(quietPaths));
  const makeChild = app.childLoggerFactory;
  // The first line of a request is logged before any hook is called.
  app.setChildLoggerFactory(function withTrace(log, bindings, options, raw) {
    const begun = spans.begin(raw);
    if (begun === undefined) return makeChild.call(this, log, bindings, options, raw);
    const child = makeChild.call(
      this,
      log,
      { ...bindings, ...fieldsOf(begun.span.spanContext()) },
      options,
      raw,
    );
    markNamed(child);
    return child;
  });
  app.addHook("onRequest", (request, reply, done) => spans.enter(request, reply, done));
  // The parser of the body is called back by the socket, outside of the context.
  app.addHook("preValidation", (request, _reply, done) => spans.resume(request, done));
  app.addHook("onError", async (request, _reply, error) => {
    spans.note(request, error);
  });
}

class RequestSpans {
  readonly #tracing: Tracing;
  readonly #quietPaths: ReadonlySet<string>;
  readonly #begun = new WeakMap<IncomingMessage, Begun>();

  constructor(tracing: Tracing, quietPaths: ReadonlySet<string>) {
    this.#tracing = tracing;
    this.#quietPaths = quietPaths;
  }

  begin(raw: IncomingMessage): Begun | undefined {
    const path = pathOf(raw);
    if (this.#quietPaths.has(path)) return undefined;
    const known = this.#begun.get(raw);
    if (known !== undefined) return known;
    const { api } = this.#tracing;
    const active = api.context.active();
    // Where an instrumentation of node:http has begun a span, this one is a part of it.
    const isInner = api.trace.getSpan(active) !== undefined;
    const parent = isInner ? active : api.propagation.extract(active, raw.headers);
    const kind = isInner ? api.SpanKind.INTERNAL : api.SpanKind.SERVER;
    const method = raw.method ?? "";
    const attributes = { "http.request.method": method, "url.path": withoutSignature(path) };
    const begun: Begun = this.#tracing.begin({ name: method, kind, attributes }, parent);
    this.#begun.set(raw, begun);
    return begun;
  }

  enter(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    const begun = this.begin(request.raw);
    if (begun === undefined) {
      done();
      return;
    }
    const { span, context } = begun;
    const route = request.is404 ? undefined : request.routeOptions.url;
    if (route !== undefined) {
      span.updateName(`${request.method} ${route}`);
      span.setAttribute("http.route", route);
    }
    span.setAttributes({
      "url.scheme": request.protocol,
      "client.address": request.ip,
      "network.protocol.version": request.raw.httpVersion,
    });
    whenClosed(reply.raw, () => this.#end(begun, reply));
    this.#tracing.api.context.with(context, done);
  }

  resume({ raw }: FastifyRequest, done: () => void): void {
    const begun = this.#begun.get(raw);
    if (begun === undefined) done();
    else this.#tracing.api.context.with(begun.context, done);
  }

  /** Its status is not known yet. */
  note({ raw }: FastifyRequest, error: Error): void {
    const begun = this.#begun.get(raw);
    if (begun !== undefined) begun.error = error;
  }

  /** What a client did wrong is no failure of the service (semantic conventions for HTTP spans). */
  #end({ span, error }: Begun, { raw }: FastifyReply): void {
    const { statusCode, writableEnded } = raw;
    span.setAttribute("http.response.status_code", statusCode);
    if (!writableEnded) this.#tracing.end(span, { code: "aborted" });
    else this.#tracing.end(span, statusCode < 500 ? undefined : (error ?? { code: String(statusCode) }));
  }
}

/** Without the query, in which signatures are. */
function pathOf({ url = "/" }: IncomingMessage): string {
  return url.split("?", 1)[0] ?? "";
}
