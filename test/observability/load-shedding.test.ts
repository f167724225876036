import Fastify, { type FastifyInstance } from "fastify";
import { addObservability } from "svc-infra/observability";
import { afterEach, describe, expect, it } from "vitest";

let app: FastifyInstance;
afterEach(() => app.close());

async function watched(env: Record<string, string>): Promise<FastifyInstance> {
  app = Fastify();
  await addObservability(app, { env });
  app.get("/work", async () => "ok");
  for (const path of ["/healthz", "/readyz", "/startupz"]) app.get(path, async () => "ok");
  await app.ready();
  return app;
}

describe("a process that cannot keep up", () => {
  it("answers 503 with Retry-After and problem details, and its probes and metrics as ever", async () => {
    await watched({ SHED_MEMORY_BYTES: "1" });
    await expect.poll(async () => (await app.inject("/work")).statusCode).toBe(503);
    const { headers, body } = await app.inject("/work?a=1");
    expect(headers).toMatchObject({ "content-type": "application/problem+json", "retry-after": "5" });
    expect(JSON.parse(body)).toMatchObject({ status: 503, code: "overloaded", instance: "/work" });
    for (const path of ["/healthz", "/readyz", "/startupz", "/metrics"]) {
      expect([path, (await app.inject(path)).statusCode]).toEqual([path, 200]);
    }
    const text = (await app.inject("/metrics")).body;
    expect(text).toMatch(/http_server_requests_shed_total\{reason="memory"\} [1-9]/);
    expect(text).toContain('http_server_requests_total{method="GET",route="/work",status="5xx"}');
  });

  it("sheds while the event loop is late, and serves again when it is not", async () => {
    await watched({ SHED_EVENT_LOOP_DELAY_MS: "20" });
    const soon = { timeout: 60_000 };
    const block = setInterval(() => {
      const until = performance.now() + 300;
      while (performance.now() < until);
    }, 310);
    try {
      await expect.poll(async () => (await app.inject("/work")).statusCode, soon).toBe(503);
    } finally {
      clearInterval(block);
    }
    await expect.poll(async () => (await app.inject("/work")).statusCode, soon).toBe(200);
    expect((await app.inject("/metrics")).body).toContain('reason="event_loop"');
  });

  it("is never one where both bounds are 0", async () => {
    await watched({ SHED_EVENT_LOOP_DELAY_MS: "0", SHED_MEMORY_BYTES: "0" });
    expect((await app.inject("/work")).statusCode).toBe(200);
  });
});
