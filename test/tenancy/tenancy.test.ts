import Fastify, { type FastifyInstance } from "fastify";
import { easyServiceApp } from "svc-infra/app";
import { joinHealth } from "svc-infra/health";
import { type AddTenancyOptions, addTenancy, getTenancy, requireTenant } from "svc-infra/tenancy";
import { describe, expect, it } from "vitest";

async function withTenancy(options: AddTenancyOptions = {}): Promise<FastifyInstance> {
  const app = Fastify();
  await addTenancy(app, { env: {}, ...options });
  app.get("/tenant", async ({ tenant }) => ({ tenant: tenant ?? null }));
  app.get("/needed", { preHandler: requireTenant }, async ({ tenant }) => ({ tenant }));
  return app;
}

const asked = { url: "/tenant", headers: { "x-tenant-id": "claimed" } };

describe("the tenant of a request", () => {
  it("is not what a header claims, unless the header is named", async () => {
    const app = await withTenancy();
    expect((await app.inject(asked)).json()).toEqual({ tenant: null });
  });

  it("is what a header says that is named", async () => {
    const app = await withTenancy({ env: { TENANT_HEADER: "X-Tenant-Id" } });
    expect((await app.inject(asked)).json()).toEqual({ tenant: "claimed" });
  });

  it("is that of the identity, whatever the header says", async () => {
    const app = await withTenancy({ header: "x-tenant-id" });
    getTenancy(app).identify(() => "proved");
    expect((await app.inject(asked)).json()).toEqual({ tenant: "proved" });
  });

  it("is what the app's own resolver says before all others", async () => {
    const app = await withTenancy({ header: "x-tenant-id", resolve: async () => "resolved" });
    getTenancy(app).identify(() => "proved");
    expect((await app.inject(asked)).json()).toEqual({ tenant: "resolved" });
  });

  it.each(["../up", "public", "a/b", "a".repeat(65), "a,b"])("is never %s", async (tenant) => {
    const app = await withTenancy({ header: "x-tenant-id" });
    const answer = await app.inject({ url: "/tenant", headers: { "x-tenant-id": tenant } });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ code: "invalid_tenant" });
  });

  it("is worked out once for each request", async () => {
    let calls = 0;
    const resolve = () => `t${++calls}`;
    const app = await withTenancy({ resolve });
    expect((await app.inject("/needed")).json()).toEqual({ tenant: "t1" });
    expect((await app.inject("/needed")).json()).toEqual({ tenant: "t2" });
  });
});

it("a resolver that fails fails no probe and no metrics", async () => {
  const app = await easyServiceApp({
    name: "shop",
    env: { LOG_LEVEL: "silent" },
    tenancy: {
      resolve: () => {
        throw new Error("the database of tenants is away");
      },
    },
    observability: true,
  });
  await joinHealth(app, "late", async () => undefined);
  for (const path of ["/healthz", "/readyz", "/startupz", "/_health/late", "/metrics"])
    expect([path, (await app.inject(path)).statusCode]).toEqual([path, 200]);
  expect((await app.inject("/ping")).statusCode).toBe(500);
  await app.close();
});

it("requireTenant refuses a request without one", async () => {
  const app = await withTenancy();
  const answer = await app.inject("/needed");
  expect(answer.statusCode).toBe(403);
  expect(answer.json()).toMatchObject({ code: "forbidden" });
});

it("getTenancy tells what to call when there is none", () => {
  expect(() => getTenancy(Fastify())).toThrow("addTenancy(app)");
});
