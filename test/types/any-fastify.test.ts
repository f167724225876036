import { createServer } from "node:http";
import { integer, pgTable } from "drizzle-orm/pg-core";
import Fastify from "fastify";
import { validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { pino } from "pino";
import {
  addCrud,
  addJobs,
  addSqlDb,
  addStorage,
  addTenancy,
  getJobs,
  getSqlDb,
  getStorage,
  jobsPlugin,
  requireSignature,
  requireTenant,
  requireUser,
  sqlPlugin,
  storagePlugin,
} from "svc-infra";
import { requireRole, requireScope } from "svc-infra/auth";
import { MemoryBackend } from "svc-infra/storage/memory";
import { expect, it } from "vitest";

it("addStorage takes an app with any logger, server and type provider, and getStorage its requests", async () => {
  const apps = [
    () => Fastify({ loggerInstance: pino({ level: "silent" }) }),
    () => Fastify({ https: {} }),
    () => Fastify({ http2: true }),
    () => Fastify({ http2: true, https: { allowHTTP1: true } }),
    () => Fastify({ serverFactory: (handler) => createServer(handler) }),
    () => Fastify().withTypeProvider<ZodTypeProvider>().setValidatorCompiler(validatorCompiler),
    () =>
      Fastify({ loggerInstance: pino({ level: "silent" }), http2: true }).withTypeProvider<ZodTypeProvider>(),
  ] as const;
  const [withPino, withTls, withHttp2, withBoth, withFactory, withZod, withAll] = apps;
  const [a, b, c, d, e, f, g] = [
    withPino(),
    withTls(),
    withHttp2(),
    withBoth(),
    withFactory(),
    withZod(),
    withAll(),
  ];
  const storages = [
    await addStorage(a, new MemoryBackend()),
    await addStorage(b, new MemoryBackend()),
    await addStorage(c, new MemoryBackend()),
    await addStorage(d, new MemoryBackend()),
    await addStorage(e, new MemoryBackend()),
    await addStorage(f, new MemoryBackend()),
    await addStorage(g, new MemoryBackend()),
  ];
  a.get("/keys", async (request) => getStorage(request).listKeys());
  c.get("/keys", async (request) => getStorage(request).listKeys());
  f.get("/keys", async (request) => getStorage(request).listKeys());
  g.get("/keys", async (request) => getStorage(request).listKeys());
  for (const app of [a, c, f, g]) expect((await app.inject("/keys")).json()).toEqual([]);
  expect(getStorage(b)).toBe(storages[1]);
  for (const app of [a, b, c, d, e, f, g]) await app.close();
});

it("storagePlugin registers on each of them", async () => {
  const storage = new MemoryBackend();
  const withPino = Fastify({ loggerInstance: pino({ level: "silent" }) });
  await withPino.register(storagePlugin, { storage });
  const withHttp2 = Fastify({ http2: true });
  await withHttp2.register(storagePlugin, { storage });
  const withZod = Fastify().withTypeProvider<ZodTypeProvider>();
  await withZod.register(storagePlugin, { storage, prefix: "/v1" });
  expect(getStorage(withZod)).toBe(withZod.storage);
  for (const app of [withPino, withHttp2, withZod]) await app.close();
});

it("addSqlDb and addJobs take an app with any logger, server and type provider, as their plugins do", async () => {
  const settings = { env: { SQL_URL: "pglite:memory" } };
  const a = Fastify({ loggerInstance: pino({ level: "silent" }) });
  const b = Fastify({ https: {} });
  const c = Fastify({ http2: true }).withTypeProvider<ZodTypeProvider>();
  const added = [await addSqlDb(a, settings), await addSqlDb(b, settings), await addSqlDb(c, settings)];
  const jobs = [await addJobs(a, { env: {} }), await addJobs(b, { env: {} }), await addJobs(c, { env: {} })];
  for (const [index, app] of [a, b, c].entries()) {
    expect(getSqlDb(app)).toBe(added[index]);
    expect(getJobs(app)).toBe(jobs[index]);
  }
  c.get("/kinds", async (request) => [getSqlDb(request).kind, getJobs(request).queue.driver]);
  expect((await c.inject("/kinds")).json()).toEqual(["embedded", "memory"]);
  const d = Fastify({ loggerInstance: pino({ level: "silent" }), http2: true });
  await d.register(sqlPlugin, settings);
  await d.register(jobsPlugin, { env: {} });
  expect(getJobs(d)).toBe(d.jobs);
  for (const app of [a, b, c, d]) await app.close();
});

it("addCrud and the hooks of routes take an app with any logger, server and type provider", async () => {
  const notes = pgTable("notes", { id: integer("id").primaryKey() });
  const a = Fastify({ loggerInstance: pino({ level: "silent" }) });
  const b = Fastify({ http2: true });
  await addTenancy(a, { resolve: () => "acme", env: {} });
  await addTenancy(b, { resolve: () => "acme", env: {} });
  await addSqlDb(a, { env: { SQL_URL: "pglite:memory" } });
  await addSqlDb(b, { env: { SQL_URL: "pglite:memory" } });
  const create = "create table notes (id int primary key)";
  for (const app of [a, b]) await getSqlDb(app).withConnection((connection) => connection.run(create));
  await addCrud(a, notes, { authorize: "open" });
  await addCrud(b, notes, { authorize: "open" });
  a.get("/tenant", { preHandler: requireTenant }, async (request) => [await requireTenant(request)]);
  b.get("/tenant", { preHandler: requireTenant }, async (request) => [await requireTenant(request)]);
  const role = requireRole("admin");
  a.get("/me", { preHandler: [requireUser(), role, requireScope("a")] }, async () => "me");
  b.get("/me", { preHandler: [requireUser(), role, requireScope("a")] }, async () => "me");
  const signed = { preParsing: requireSignature(`whsec_${Buffer.alloc(32).toString("base64")}`) };
  a.post("/signed", signed, async () => "signed");
  b.post("/signed", signed, async () => "signed");
  for (const app of [a, b]) {
    expect((await app.inject("/tenant")).json()).toEqual(["acme"]);
    expect((await app.inject("/notes/1")).statusCode).toBe(404);
    expect((await app.inject({ method: "POST", url: "/signed", payload: {} })).statusCode).toBe(401);
    await app.close();
  }
});

it("sqlPlugin and jobsPlugin put their health below a prefix", async () => {
  const app = Fastify({ loggerInstance: pino({ level: "silent" }) });
  await app.register(sqlPlugin, { env: { SQL_URL: "pglite:memory" }, prefix: "/v1" });
  await app.register(jobsPlugin, { env: {}, prefix: "/v1" });
  await app.ready();
  for (const name of ["sql", "jobs"]) {
    expect((await app.inject(`/v1/_health/${name}`)).json()).toMatchObject({ status: "ok" });
    expect((await app.inject(`/_health/${name}`)).statusCode).toBe(404);
  }
  await app.close();
});
