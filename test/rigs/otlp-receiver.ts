import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A span as it arrived, with its attributes by name. */
export interface ReceivedSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly isFailed: boolean;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly service: string;
}

/** A collector that takes spans as OTLP/HTTP in JSON (OpenTelemetry protocol specification 1.x). */
export interface OtlpReceiver {
  readonly url: string;
  readonly spans: ReceivedSpan[];
  /** Header lines of the requests that brought spans. */
  readonly headers: NodeJS.Dict<string | string[]>[];
  stop(): Promise<void>;
}

interface KeyValue {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: number | string };
}

interface SentSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly status?: { readonly code?: number };
  readonly attributes: readonly KeyValue[];
}

interface SentSpans {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[];
  }[];
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const headers: NodeJS.Dict<string | string[]>[] = [];
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    if (request.url !== "/v1/traces") return void response.writeHead(404).end();
    headers.push(request.headers);
    spans.push(...spansIn(JSON.parse(Buffer.concat(pieces).toString("utf8"))));
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  return { url: `http://127.0.0.1:${port}`, spans, headers, stop };
}

function spansIn({ resourceSpans }: SentSpans): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(attributesOf(resource.attributes)["service.name"]);
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => received(span, service)));
  });
}

function received({ parentSpanId, status, attributes, ...span }: SentSpan, service: string): ReceivedSpan {
  return {
    ...span,
    parentSpanId: parentSpanId === "" ? undefined : parentSpanId,
    isFailed: status?.code === 2,
    attributes: attributesOf(attributes),
    service,
  };
}

function attributesOf(pairs: readonly KeyValue[]): Record<string, string | number> {
  return Object.fromEntries(
    pairs.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue ?? Number.NaN)]),
  );
}
