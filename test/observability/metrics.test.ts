import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { get } from "node:http";
import http2 from "node:http2";
import { addAbortSignal, Readable } from "node:stream";
import * as successor from "@prometheus-io/client";
import Fastify, { type FastifyInstance } from "fastify";
import * as promClient from "prom-client";
import { addStorage } from "svc-infra";
import { addCache } from "svc-infra/cache";
import { addJobs, defineJob } from "svc-infra/jobs";
import { addObservability, getObservability, type ObservabilityOptions } from "svc-infra/observability";
import { addSqlDb } from "svc-infra/sql";
import { chaos, type OpenedObject, retry, Storage } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import type { Scanner, Verdict } from "svc-infra/storage/policy";
import { S3Backend } from "svc-infra/storage/s3";
import { addWebhooks } from "svc-infra/webhooks";
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import * as webhookSchema from "#dist/webhooks/schema.js";
import { getOf, pipeline } from "../http/pipeline.js";
import { startS3Double } from "../rigs/s3-double.js";
import { createTables } from "../webhooks/create-tables.js";
import { Endpoint } from "../webhooks/endpoint.js";

/** `SERIES_ROUNDS=100000` for the long run. */
const seriesRounds = Number(process.env.SERIES_ROUNDS ?? 1000);

const apps: FastifyInstance[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

/** An app that is measured, with some routes. */
async function measured(
  options: ObservabilityOptions = {},
  addMore: (app: FastifyInstance) => Promise<void> = async () => undefined,
): Promise<FastifyInstance> {
  const app = Fastify();
  apps.push(app);
  await addObservability(app, { env: {}, ...options });
  await addMore(app);
  app.get("/notes/:id", async () => "ok");
  app.get("/broken", async () => Promise.reject(new Error("broken")));
  await app.ready();
  return app;
}

/** A scanner whose verdict is known. */
function scannerOf(isClean: boolean): Scanner {
  const verdict = isClean ? { isClean } : { isClean, found: "Eicar" };
  return {
    name: "double",
    maxBytes: 1_000_000,
    begin: async () => ({
      pass: async () => undefined,
      end: async () => verdict as Verdict,
      cancel: () => undefined,
    }),
    check: async () => undefined,
  };
}

async function read(app: FastifyInstance): Promise<string> {
  return (await app.inject("/metrics")).body;
}

function seriesOf(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.replace(/ [^ ]+$/, ""));
}

/** Every kind of work that is measured, once. */
async function doEverything(app: FastifyInstance): Promise<void> {
  await app.inject("/notes/1");
  await app.inject("/broken");
  await app.inject("/nowhere");
  const storage = new Storage(new MemoryBackend());
  await storage.put("a.txt", "hello");
  await storage.get("a.txt");
  await storage.get("missing").catch(() => undefined);
}

describe.each([
  ["prom-client", promClient],
  ["@prometheus-io/client", successor],
])("on %s", (_name, client) => {
  it("requests are counted by method, route template and class of the status", async () => {
    const app = await measured({ client });
    await doEverything(app);
    const text = await read(app);
    expect(text).toContain('http_server_requests_total{method="GET",route="/notes/:id",status="2xx"} 1');
    expect(text).toContain('http_server_requests_total{method="GET",route="/broken",status="5xx"} 1');
    expect(text).toContain('http_server_requests_total{method="GET",route="unmatched",status="4xx"} 1');
    expect(text).toContain('http_server_requests_in_flight{method="GET",route="/notes/:id"} 0');
  });

  it("a registry that has metrics of the process keeps them, and no two apps share one", async () => {
    const registry = new client.Registry();
    client.collectDefaultMetrics({ register: registry as never });
    const app = await measured({ client, registry });
    const text = await read(app);
    expect(text.match(/^process_resident_memory_bytes /gm)).toHaveLength(1);
    expect(text).toContain("nodejs_eventloop_utilization_ratio");
    expect(text).toContain("http_server_requests_in_flight");
    const second = addObservability(Fastify(), { env: {}, client, registry });
    await expect(second).rejects.toThrow("option 'registry': has the metric");
    await app.close();
    expect(registry.getSingleMetric("process_resident_memory_bytes")).toBeDefined();
    expect(registry.getSingleMetric("http_server_requests_total")).toBeUndefined();
    registry.clear();
  });

  it("failures of which the first must be told are 0 before it", async () => {
    const app = await measured({ client });
    await doEverything(app);
    const text = await read(app);
    expect(text).toContain('storage_errors_total{backend="memory",error_type="corrupt"} 0');
    expect(text).toContain('http_server_requests_shed_total{reason="event_loop"} 0');
    expect(text).toContain('http_server_requests_shed_total{reason="memory"} 0');
  });

  it("the storage's four series have the names and labels that were promised", async () => {
    const app = await measured({ client });
    await doEverything(app);
    const text = await read(app);
    const lines = [
      'storage_operations_total{backend="memory",operation="put",status="success"} 1',
      'storage_operations_total{backend="memory",operation="get",status="error"} 1',
      'storage_operation_duration_seconds_count{backend="memory",operation="put"} 1',
      'storage_file_size_bytes_sum{backend="memory"} 5',
      'storage_errors_total{backend="memory",error_type="not_found"} 1',
    ];
    for (const line of lines) expect(text).toContain(line);
  });
});

describe("a client that leaves", () => {
  const series = (route: string) => ({
    inFlight: `http_server_requests_in_flight{method="GET",route="${route}"} 0`,
    left: (count: number) =>
      `http_server_requests_total{method="GET",route="${route}",status="aborted"} ${count}`,
  });

  /** A service that is measured and listens. */
  async function listening(app: FastifyInstance): Promise<number> {
    await app.listen({ port: 0, host: "127.0.0.1" });
    return Number(Object(app.server.address()).port);
  }

  it("leaves none of its requests in flight that wait for their turn on one connection", async () => {
    let held = 0;
    const app = await measured({}, async (each) => {
      each.get("/held", () => {
        held++;
        return new Promise(() => undefined);
      });
    });
    const client = pipeline(await listening(app), [getOf("/held"), getOf("/held"), getOf("/held")]);
    await expect.poll(() => held).toBe(3);
    client.destroy();
    const { inFlight, left } = series("/held");
    await expect.poll(() => read(app)).toContain(left(3));
    expect(await read(app)).toContain(inFlight);
  });

  it("leaves none in flight while a hook before the metrics is at work", async () => {
    const app = Fastify();
    apps.push(app);
    let go = () => {};
    let isAsked = false;
    app.addHook("onRequest", async (request, reply) => {
      if (request.url !== "/held") return;
      isAsked = true;
      const left = once(reply.raw, "close");
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      await left;
    });
    await addObservability(app, { env: {} });
    app.get("/held", () => new Promise(() => undefined));
    const client = get({ host: "127.0.0.1", port: await listening(app), path: "/held" });
    client.on("error", () => undefined);
    await expect.poll(() => isAsked).toBe(true);
    client.destroy();
    go();
    const { inFlight, left } = series("/held");
    await expect.poll(() => read(app)).toContain(left(1));
    expect(await read(app)).toContain(inFlight);
  });

  it("leaves none in flight that it resets over HTTP/2 without an error", async () => {
    const app = Fastify({ http2: true }) as unknown as FastifyInstance;
    apps.push(app);
    await addObservability(app, { env: {} });
    app.get("/large", async () => Readable.from(Array.from({ length: 100 }, () => Buffer.alloc(65_536))));
    const session = http2.connect(`http://127.0.0.1:${await listening(app)}`);
    session.on("error", () => undefined);
    try {
      for (let number = 0; number < 3; number++) {
        const stream = session.request({ ":path": "/large" });
        await once(stream, "response");
        stream.close();
      }
      const { inFlight, left } = series("/large");
      await expect.poll(() => read(app)).toContain(left(3));
      expect(await read(app)).toContain(inFlight);
    } finally {
      // The app closes then: no stream that was reset may hold it.
      session.destroy();
    }
  });
});

describe("the work of the helpers", () => {
  it("queries, jobs, reads of the cache, scans and pools are measured", async () => {
    const app = await measured({}, async (each) => {
      await addSqlDb(each, { env: {} });
      await addCache(each, { env: {} });
      const job = defineJob("greet", z.object({}), async () => "done");
      const { queue } = await addJobs(each, { env: {}, jobs: [job] });
      each.get("/work", async () => {
        await each.cache.getOrSet("a", {}, () => 1);
        await each.cache.getOrSet("a", {}, () => 1);
        await queue.enqueue(job, {});
        return "ok";
      });
    });
    await app.inject("/work");
    const scanned = new Storage(new MemoryBackend(), { policy: { scan: { scanner: scannerOf(false) } } });
    await scanned.put("bad.txt", "eicar").catch(() => undefined);
    await expect
      .poll(() => read(app))
      .toContain('jobs_run_duration_seconds_count{driver="memory",name="greet"');
    const text = await read(app);
    const lines = [
      /sql_query_duration_seconds_count\{database="embedded",status="success"\} [1-9]/,
      /jobs_running\{driver="memory",name="greet"\} 0/,
      /cache_reads_total\{store="memory",result="miss"\} 1/,
      /cache_reads_total\{store="memory",result="hit"\} 1/,
      /storage_scan_duration_seconds_count\{scanner="double",verdict="infected"\} 1/,
      /connection_pool_max_connections\{pool="sql"\} 1/,
      /connection_pool_waiting\{pool="sql"\} 0/,
    ];
    for (const line of lines) expect(text).toMatch(line);
  });

  it("attempts of webhooks are counted by what came of them, and by nothing else", async () => {
    const endpoint = await Endpoint.start();
    const app = await measured({}, async (each) => {
      await createTables(await addSqlDb(each, { env: {} }), webhookSchema);
      await addWebhooks(each, { env: {}, allowPrivateAddresses: true });
    });
    const { subscription } = await app.webhooks.subscriptions.add("acme", {
      url: endpoint.url,
      events: ["*"],
    });
    await app.webhooks.prove("acme", subscription.id);
    const counted = async () =>
      (await read(app)).match(/^webhooks_attempt_duration_seconds_count.*$/gm)?.toSorted() ?? [];
    const expected: string[] = [];
    for (const [status, outcome] of [
      [204, "delivered"],
      [410, "failed"],
      [500, "retried"],
    ] as const) {
      endpoint.answer = (response) => response.writeHead(status).end();
      const sent = { id: `evt_${status}`, type: "a.b", tenant: "acme", occurredAt: new Date(), data: {} };
      await app.webhooks.prove("acme", subscription.id);
      await app.webhooks.dispatch(sent);
      expected.push(`webhooks_attempt_duration_seconds_count{outcome="${outcome}"} 1`);
      await expect.poll(counted).toEqual(expected);
      await expect
        .poll(async () => (await app.webhooks.deliveries.list("acme", { limit: 1 }))[0]?.tries)
        .toBe(1);
    }
    endpoint.stop();
  });
});

describe("a storage", () => {
  it("attempts after the first are counted as retries, by the verb", async () => {
    const app = await measured();
    const storage = new Storage(new MemoryBackend()).with(
      retry({ baseDelayMs: 1 }),
      chaos({ every: 2, kinds: ["before"], verbs: ["write"] }),
    );
    await storage.put("first.txt", "the second attempt of all is the one that fails");
    expect(await read(app)).not.toMatch(/^storage_retries_total\{/m);
    await storage.put("a.txt", "hello");
    expect(await read(app)).toContain('storage_retries_total{backend="memory",verb="write"} 1');
  });

  it("files that are being read and the connections of its client are told while they are", async () => {
    const double = await startS3Double();
    const app = await measured();
    const storage = new Storage(new S3Backend(double.options));
    try {
      await storage.put("large.bin", Buffer.alloc(8 * 1024 * 1024));
      const opened = await storage.open("large.bin");
      const reading = await read(app);
      expect(reading).toContain('storage_open_bodies{backend="s3"} 1');
      expect(reading).toMatch(/connection_pool_connections\{pool="s3"\} [1-9]/);
      expect(reading).toMatch(/connection_pool_max_connections\{pool="s3"\} [1-9]/);
      await opened.body.close();
      await expect.poll(() => read(app)).toContain('storage_open_bodies{backend="s3"} 0');
    } finally {
      await storage.close();
    }
    expect(await read(app)).not.toMatch(/connection_pool_connections\{pool="s3"\} [1-9]/);
  });

  it.each([1000, 300_000])("a damaged file of %i bytes that is served is counted", async (size) => {
    class Damaged extends MemoryBackend {
      override async read(...given: Parameters<MemoryBackend["read"]>): Promise<OpenedObject> {
        const { stat, start, end } = await super.read(...given);
        const body = Readable.from([Buffer.alloc(end - start, "y")]);
        return { stat, start, end, bytes: undefined, body, close: async () => undefined };
      }
    }
    const app = await measured({}, async (each) => {
      await addStorage(each, new Damaged(), { authorize: "open" });
    });
    await app.storage.put("a.bin", Buffer.alloc(size, "x"));
    const answer = await app.inject("/_storage/download/a.bin").catch(() => undefined);
    expect(answer?.statusCode).not.toBe(200);
    expect(await read(app)).toContain('storage_errors_total{backend="memory",error_type="corrupt"} 1');
    await app.storage.get("a.bin").catch(() => undefined);
    expect(await read(app)).toContain('storage_errors_total{backend="memory",error_type="corrupt"} 2');
  });

  it("a reader that leaves is no failure", async () => {
    class Silent extends MemoryBackend {
      override async read(...given: Parameters<MemoryBackend["read"]>): Promise<OpenedObject> {
        const { stat, start, end } = await super.read(...given);
        const body = addAbortSignal(given[1].signal as AbortSignal, new Readable({ read: () => undefined }));
        return { stat, start, end, bytes: undefined, body, close: async () => undefined };
      }
    }
    const app = await measured();
    const storage = new Storage(new Silent());
    await storage.put("a.bin", "hello");
    const departure = new AbortController();
    const { body } = await storage.open("a.bin", { signal: departure.signal });
    const bytes = body.bytes();
    departure.abort();
    await expect(bytes).rejects.toMatchObject({ code: "aborted" });
    expect(await read(app)).not.toContain('error_type="aborted"');
  });

  it("parts of an upload in parts are in flight until they are stored", async () => {
    const app = await measured();
    const storage = new Storage(new MemoryBackend());
    const upload = await storage.createUpload("video.mp4");
    let go = () => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    async function* slowly() {
      yield Buffer.from("first");
      await held;
    }
    const part = upload.writePart(1, Readable.from(slowly()));
    const inFlight = 'storage_operations_in_flight{backend="memory",operation="multipart"}';
    await expect.poll(() => read(app)).toContain(`${inFlight} 1`);
    go();
    await part;
    expect(await read(app)).toContain(`${inFlight} 0`);
    await upload.abort();
  });
});

it("unfinished direct uploads are counted, and a sweep tells how many there are", async () => {
  const app = await measured();
  const backend = new MemoryBackend({
    baseUrl: "http://localhost:8000/files",
    secrets: ["s".repeat(32)],
  });
  const storage = new Storage(backend);
  const found = async () => /storage_leases\{backend="memory"\} (\d+)/.exec(await read(app))?.[1];
  const what = { size: 5, contentType: "text/plain" };
  const [first] = [await storage.prepareUpload("a.txt", what), await storage.prepareUpload("b.txt", what)];
  expect(await found()).toBe("2");
  await storage.abortUpload(first.id);
  expect(await found()).toBe("1");
  await storage.sweep({ now: new Date(Date.now() + 86_400_000) });
  expect(await found()).toBe("0");
});

it("promtool finds nothing to say", async () => {
  const app = await measured();
  await doEverything(app);
  const { status, stderr, stdout } = spawnSync("promtool", ["check", "metrics"], {
    input: await read(app),
    encoding: "utf8",
  });
  expect(stdout + stderr).toBe("");
  expect(status).toBe(0);
});

it("every series is documented, and no other", async () => {
  const app = await measured();
  await doEverything(app);
  const exposed = [...(await read(app)).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  const guide = readFileSync("docs/guide/observability.md", "utf8");
  const documented = [...guide.matchAll(/^\| `([a-z0-9_]+)` \|/gm)].map(([, name]) => name);
  expect(exposed.sort()).toEqual(documented.sort());
});

it("random keys, paths and agents leave the number of series unchanged", {
  timeout: 120_000 + seriesRounds * 10,
}, async () => {
  const app = await measured();
  const storage = new Storage(new MemoryBackend());
  const round = async (name: string) => {
    const headers = { "user-agent": name, "x-tenant-id": name };
    await app.inject({ url: `/notes/${name}`, headers });
    await app.inject({ url: `/${name}`, headers });
    await storage.forTenant(name).put(name, name);
    await storage.forTenant(name).delete(name);
  };
  await round("first");
  await read(app);
  // The kinds of garbage collection come when they come.
  const count = async () => seriesOf(await read(app)).filter((line) => !line.includes("gc_duration")).length;
  const before = await count();
  for (let number = 0; number < seriesRounds; number++)
    await round(Math.random().toString(36).slice(2) || "0");
  expect(await count()).toBe(before);
});

describe("the route", () => {
  it("is open without a token", async () => {
    const app = await measured({ metricsPath: "/internal/metrics" });
    const answer = await app.inject("/internal/metrics");
    expect(answer.statusCode).toBe(200);
    expect(answer.headers["content-type"]).toContain("text/plain");
  });

  it("refuses clients without the token, with problem details", async () => {
    const app = await measured({ env: { METRICS_TOKEN: "s3cret" } });
    expect((await app.inject("/metrics")).statusCode).toBe(401);
    const wrong = await app.inject({ url: "/metrics", headers: { authorization: "Bearer other" } });
    expect(wrong.statusCode).toBe(401);
    expect(wrong.headers["content-type"]).toBe("application/problem+json");
    const right = await app.inject({ url: "/metrics", headers: { authorization: "Bearer s3cret" } });
    expect(right.statusCode).toBe(200);
  });
});

it("one error names everything that is set to nonsense, without the values of secrets", async () => {
  const env = { ENABLE_OBS: "perhaps", METRICS_PATH: "metrics/" };
  await expect(addObservability(Fastify(), { env })).rejects.toMatchObject({
    variables: ["ENABLE_OBS", "METRICS_PATH"],
  });
});

it.each(["/healthz", "/readyz", "/startupz", "/ping", "/docs", "/docs/json"])(
  "METRICS_PATH cannot be %s, which is taken",
  async (path) => {
    await expect(addObservability(Fastify(), { env: { METRICS_PATH: path } })).rejects.toMatchObject({
      variables: ["METRICS_PATH"],
    });
  },
);

it("ENABLE_OBS=false measures nothing and has no route", async () => {
  const app = Fastify();
  apps.push(app);
  await addObservability(app, { env: { ENABLE_OBS: "false" } });
  expect((await app.inject("/metrics")).statusCode).toBe(404);
  expect(getObservability(app).registry).toBeUndefined();
});

it("a registry of the app's own gets the metrics, and is as it was when the app has closed", async () => {
  const registry = new promClient.Registry();
  const app = await measured({ client: promClient, registry });
  expect(await registry.metrics()).toContain("process_resident_memory_bytes");
  await app.close();
  expect(await registry.metrics()).toBe("\n");
});

it("works under a prefix of a version", async () => {
  const app = Fastify();
  apps.push(app);
  await app.register(
    async (scope) => {
      await addObservability(scope, { env: {} });
      scope.get("/ping", async () => "pong");
    },
    { prefix: "/v1" },
  );
  await app.inject("/v1/ping");
  expect((await app.inject("/v1/metrics")).body).toContain('route="/v1/ping"');
});
