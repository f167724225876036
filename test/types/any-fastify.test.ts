import { createServer } from "node:http";
import Fastify from "fastify";
import { validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { pino } from "pino";
import { addStorage, getStorage, storagePlugin } from "svc-infra";
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
