import { fastify } from "fastify";
import { healthPlugin } from "svc-infra/health";
import { expect, it } from "vitest";

async function createApp(options = {}) {
  const app = fastify();
  await app.register(healthPlugin, options);
  return app;
}

it("/healthz answers without running a check", async () => {
  const app = await createApp();
  app.health.add("disk", () => {
    throw new Error("was run");
  });
  const response = await app.inject("/healthz");
  expect(response.statusCode).toBe(200);
  expect(response.json()).toEqual({ status: "ok" });
});

it("/readyz is 200 while nothing critical fails and 503 when something does", async () => {
  const app = await createApp();
  app.health.add("cache", () => Promise.reject(new Error("cold")), { critical: false });
  const degraded = await app.inject("/readyz");
  expect([degraded.statusCode, degraded.json().status]).toEqual([200, "degraded"]);
  app.health.add("disk", () => Promise.reject(new Error("gone")));
  const failed = await app.inject("/readyz");
  expect([failed.statusCode, failed.json().status]).toEqual([503, "failed"]);
  expect(failed.json().checks.disk).toMatchObject({ status: "failed", critical: true });
});

it("/readyz says why only when it was told to", async () => {
  for (const showErrors of [true, false]) {
    const app = await createApp({ showErrors });
    app.health.add("disk", () => Promise.reject(new Error("gone")));
    expect((await app.inject("/readyz")).body.includes("gone")).toBe(showErrors);
  }
});

it.each(["/healthz", "/readyz"])("%s must not be cached, and answers HEAD", async (url) => {
  const app = await createApp();
  expect((await app.inject(url)).headers["cache-control"]).toBe("no-store");
  const head = await app.inject({ method: "HEAD", url });
  expect([head.statusCode, head.body]).toEqual([200, ""]);
});

it.each(["text/xml", "application/json"])(
  "another method is 405, whatever content comes: %s",
  async (type) => {
    const app = await createApp();
    const headers = { "content-type": type };
    for (const url of ["/healthz", "/readyz"]) {
      const answer = await app.inject({ method: "POST", url, headers, payload: "{" });
      expect([answer.statusCode, answer.headers.allow]).toEqual([405, "GET, HEAD"]);
      expect(answer.headers["content-type"]).toBe("application/problem+json");
      expect(answer.json()).toMatchObject({ code: "method_not_allowed", status: 405 });
    }
  },
);

it("app.health is the same registry inside encapsulated plugins", async () => {
  const app = await createApp();
  await app.register(async (child) => {
    child.health.add("child", () => undefined);
  });
  expect((await app.inject("/readyz")).json().checks).toHaveProperty("child");
});
