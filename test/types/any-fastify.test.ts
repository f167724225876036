import { createServer } from "node:http";
import Fastify from "fastify";
import { validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { pino } from "pino";
import {
  addJobs,
  addSqlDb,
  addStorage,
  getJobs,
  getSqlDb,
  getStorage,
  jobsPlugin,
  sqlPlugin,
  storagePlugin,
} from "svc-infra";
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
