import { Writable } from "node:stream";
import Fastify, { type FastifyInstance } from "fastify";
import { addJobs, defineJob } from "svc-infra/jobs";
import { addObservability, traceFields } from "svc-infra/observability";
import { addSqlDb, getSqlDb } from "svc-infra/sql";
import { chaos, retry, Storage } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { loadedPackages } from "../acceptance/loaded-packages.js";
import { getOf, pipeline } from "../http/pipeline.js";
import { outboxTable } from "../jobs/outbox-table.js";
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from "../rigs/otlp-receiver.js";
import { startRedis } from "../rigs/redis.js";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const callerSpan = "b7ad6b7169203331";
const traceparent = `00-${traceId}-${callerSpan}-01`;

let receiver: OtlpReceiver;
let app: FastifyInstance;
let lines: { trace_id?: string; span_id?: string; msg: string; reqId?: string }[];

beforeEach(async () => {
  receiver = await startOtlpReceiver();
  lines = [];
  const stream = new Writable({
    write: (text, _encoding, done) => {
      lines.push(JSON.parse(String(text)));
      done();
    },
  });
  app = Fastify({ logger: { stream, mixin: traceFields } });
});
afterEach(async () => {
  await app.close();
  await receiver.stop();
});

async function traced(more: Record<string, string> = {}): Promise<FastifyInstance> {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_SERVICE_NAME: "shop", ...more };
  await addObservability(app, { env });
  return app;
}

/** Closing sends what is left. */
async function spans(): Promise<readonly ReceivedSpan[]> {
  await app.close();
  return receiver.spans;
}

function named(all: readonly ReceivedSpan[], name: string): ReceivedSpan {
  const [span, ...others] = all.filter((each) => each.name === name);
  if (span === undefined || others.length > 0) {
    throw new Error(
      `${others.length + (span ? 1 : 0)} spans are named ${name}: ${all.map((each) => each.name)}`,
    );
  }
  return span;
}

describe("with OTEL_EXPORTER_OTLP_ENDPOINT", () => {
  it("a request has a span that goes on the trace of its traceparent, by its route and without its query", async () => {
    await traced({ OTEL_EXPORTER_OTLP_HEADERS: "x-key=a%20secret" });
    app.get("/notes/:id", async () => "ok");
    await app.inject({ url: "/notes/1?signature=hush", headers: { traceparent } });
    const span = named(await spans(), "GET /notes/:id");
    expect(span).toMatchObject({
      traceId,
      parentSpanId: callerSpan,
      kind: 2,
      service: "shop",
      isFailed: false,
    });
    expect(span.attributes).toMatchObject({
      "http.request.method": "GET",
      "http.route": "/notes/:id",
      "http.response.status_code": 200,
      "url.path": "/notes/1",
    });
    expect(JSON.stringify(receiver.spans)).not.toContain("hush");
    expect(receiver.headers[0]?.["x-key"]).toBe("a secret");
  });

  it("the path of a link that sets a password anew has no token", async () => {
    await traced();
    app.get("/auth/*", async () => "ok");
    await app.inject("/auth/reset-password/hush?callbackURL=%2Fnew");
    const all = await spans();
    expect(named(all, "GET /auth/*").attributes["url.path"]).toBe("/auth/reset-password/***");
    expect(JSON.stringify(all)).not.toContain("hush");
  });

  it("a failed request is failed and names its error; probes and metrics have no span", async () => {
    await traced();
    app.get("/broken", async () =>
      Promise.reject(Object.assign(new Error("hush"), { code: "out_of_order" })),
    );
    await app.inject("/broken");
    await app.inject("/metrics");
    const all = await spans();
    const span = named(all, "GET /broken");
    expect([span.isFailed, span.attributes["error.type"]]).toEqual([true, "out_of_order"]);
    expect(all).toHaveLength(1);
    expect(JSON.stringify(all)).not.toContain("hush");
  });

  it("requests that wait for their turn on a connection fail when their client leaves", async () => {
    await traced();
    let held = 0;
    app.get("/held/:id", () => {
      held++;
      return new Promise(() => undefined);
    });
    await app.listen({ port: 0, host: "127.0.0.1" });
    const port = Number(Object(app.server.address()).port);
    const client = pipeline(port, [getOf("/held/1"), getOf("/held/2")]);
    await expect.poll(() => held).toBe(2);
    client.destroy();
    const connections = () =>
      new Promise((resolve) => app.server.getConnections((_error, count) => resolve(count)));
    await expect.poll(connections).toBe(0);
    const all = await spans();
    expect(
      all.map(({ attributes }) => [attributes["url.path"], attributes["error.type"]]).toSorted(),
    ).toEqual([
      ["/held/1", "aborted"],
      ["/held/2", "aborted"],
    ]);
  });

  it("an operation is a part of its request, and each attempt of it a part of the operation", async () => {
    await traced();
    const storage = new Storage(new MemoryBackend()).with(
      retry({ baseDelayMs: 1 }),
      chaos({ every: 2, kinds: ["before"], verbs: ["write"] }),
    );
    await storage.put("first.txt", "the second attempt of all is the one that fails");
    app.post("/files", async () => storage.put("a.txt", "hello"));
    await app.inject({ method: "POST", url: "/files", payload: { a: 1 }, headers: { traceparent } });
    const all = (await spans()).filter((span) => span.traceId === traceId);
    const put = named(all, "storage put");
    expect(put).toMatchObject({ traceId, parentSpanId: named(all, "POST /files").spanId, isFailed: false });
    expect(put.attributes).toMatchObject({ "storage.backend": "memory", "storage.key": "a.txt" });
    const attempts = all.filter(({ name }) => name === "storage write attempt");
    expect(attempts.map(({ attributes, isFailed }) => [attributes["storage.attempt"], isFailed])).toEqual([
      [1, true],
      [2, false],
    ]);
    for (const attempt of attempts) expect(attempt).toMatchObject({ traceId, parentSpanId: put.spanId });
  });

  it("a query is a part of its request, with its statement and without what is between quotes", async () => {
    await traced();
    await addSqlDb(app, { env: {} });
    app.get("/rows", async (request) => {
      const { db } = getSqlDb(request);
      await db.execute("select 'hush' as secret");
      return "ok";
    });
    await app.inject({ url: "/rows", headers: { traceparent } });
    const all = await spans();
    const query = all.find(({ attributes }) => String(attributes["db.query.text"]).includes("as secret"));
    expect(query).toMatchObject({ name: "SELECT", traceId, parentSpanId: named(all, "GET /rows").spanId });
    expect(JSON.stringify(all)).not.toContain("hush");
  });

  it("a job has a span for each attempt, and what it does is a part of it", async () => {
    await traced();
    const storage = new Storage(new MemoryBackend());
    const job = defineJob("keep", z.object({}), async (_payload, { attempt }) => {
      await storage.put(`${attempt}.txt`, "hello");
      if (attempt === 1) throw new Error("again");
    });
    const { queue } = await addJobs(app, { env: {}, jobs: [job] });
    await app.ready();
    await queue.enqueue(job, {}, { backoff: { type: "fixed", delayMs: 1 } });
    await expect.poll(() => storage.exists("2.txt")).toBe(true);
    const all = await spans();
    const runs = all.filter(({ name }) => name === "job keep");
    expect(runs.map(({ attributes, isFailed }) => [attributes["job.attempt"], isFailed])).toEqual([
      [1, true],
      [2, false],
    ]);
    const puts = all.filter(({ name }) => name === "storage put");
    expect(puts.map(({ parentSpanId }) => parentSpanId)).toEqual(runs.map(({ spanId }) => spanId));
  });

  it.each([
    ["in a queue on Redis", "enqueue"],
    ["in the outbox of a transaction", "enqueueIn"],
  ] as const)("a job that waited %s goes on the trace of the request that enqueued it", async (_, way) => {
    await traced();
    const rig = way === "enqueue" ? await startRedis() : undefined;
    const ran: string[] = [];
    const job = defineJob("later", z.object({}), (_payload, { id }) => void ran.push(id));
    const { db } = await addSqlDb(app, { env: {}, url: "pglite:memory" });
    await db.execute(outboxTable);
    const { queue } = await addJobs(app, { env: {}, jobs: [job], redisUrl: rig?.url, outboxPollMs: 20 });
    app.post("/orders", () =>
      way === "enqueue"
        ? queue.enqueue(job, {})
        : db.transaction(async (tx) => queue.enqueueIn(tx, job, {}, { delayMs: 100 })),
    );
    try {
      const { body } = await app.inject({ method: "POST", url: "/orders", headers: { traceparent } });
      await expect.poll(() => ran).toEqual([body]);
      const all = await spans();
      const request = named(all, "POST /orders");
      const parents = [named(all, "job later"), request].map((span) => [span.traceId, span.parentSpanId]);
      // The statement that writes the row is below the request, and the job is not below the statement.
      expect(parents).toEqual([
        [traceId, request.spanId],
        [traceId, callerSpan],
      ]);
    } finally {
      await rig?.stop();
    }
  });

  it("every log line of a request names its trace once, also after the body and at the end", async () => {
    await traced();
    app.post("/notes", async (request) => {
      app.log.info("from the app");
      request.log.info("from the request");
      return "ok";
    });
    await app.inject({ method: "POST", url: "/notes", payload: { text: "a" }, headers: { traceparent } });
    const said = ["incoming request", "from the app", "from the request", "request completed"];
    for (const msg of said) {
      const line = lines.find((each) => each.msg === msg);
      expect([msg, line?.trace_id, line?.span_id]).toEqual([
        msg,
        traceId,
        expect.stringMatching(/^[0-9a-f]{16}$/),
      ]);
    }
    expect(lines.find(({ msg }) => msg.startsWith("metrics are at"))).not.toHaveProperty("trace_id");
  });

  it("two apps of one process share it, and the first one to close takes nothing from the other", async () => {
    await traced();
    const other = Fastify();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
    await addObservability(other, { env });
    app.get("/here", async () => new Storage(new MemoryBackend()).exists("a"));
    await other.close();
    await app.inject("/here");
    const all = await spans();
    expect(named(all, "storage exists").parentSpanId).toBe(named(all, "GET /here").spanId);
  });

  it("a share of 0 keeps no trace that begins here, and those that a caller keeps", async () => {
    await traced({ OTEL_TRACES_SAMPLER_ARG: "0" });
    app.get("/a", async () => "ok");
    await app.inject("/a");
    await app.inject({ url: "/a", headers: { traceparent } });
    expect((await spans()).map((span) => span.traceId)).toEqual([traceId]);
  });

  it("a collector that is away costs no request and no close", async () => {
    await receiver.stop();
    await traced();
    app.get("/a", async () => "ok");
    expect((await app.inject("/a")).statusCode).toBe(200);
  });
});

it("without an endpoint nothing of an SDK is loaded", async () => {
  const program = `
    const { default: Fastify } = await import("fastify");
    const { addObservability } = await import("svc-infra/observability");
    const app = Fastify();
    await addObservability(app, { env: {} });
    app.get("/a", async () => "ok");
    await app.inject("/a");
    await app.close();`;
  const loaded = await loadedPackages(program);
  expect(loaded).toContain("prom-client");
  // prom-client itself loads the API, which does nothing by itself.
  expect(loaded.filter((name) => name.startsWith("@opentelemetry/"))).toEqual(["@opentelemetry/api"]);
});
