import Fastify from "fastify";
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { addStorage, getStorage, storagePlugin } from "svc-infra";
import { MemoryBackend } from "svc-infra/storage/memory";
import { z } from "zod";

/** Apps on other servers, and with zod's type provider: the helpers take each of them as it is. */
const tls = Fastify({ https: {} });
const overTls = await addStorage(tls, new MemoryBackend());
tls.get("/keys", async (request) => getStorage(request).listKeys());

const two = Fastify({ http2: true });
await addStorage(two, new MemoryBackend());
two.get("/keys", async (request) => getStorage(request).listKeys());

const both = Fastify({ http2: true, https: { allowHTTP1: true } });
await both.register(storagePlugin, { storage: new MemoryBackend(), prefix: "/v1" });
both.get("/keys", async (request) => getStorage(request).listKeys());

const zod = Fastify().withTypeProvider<ZodTypeProvider>();
zod.setValidatorCompiler(validatorCompiler).setSerializerCompiler(serializerCompiler);
await addStorage(zod, new MemoryBackend());
const schema = {
  querystring: z.object({ limit: z.coerce.number() }),
  response: { 200: z.array(z.string()) },
};
zod.get("/keys", { schema }, async (request) => {
  const { limit }: { limit: number } = request.query;
  return [...(await getStorage(request).listKeys({ limit }))];
});

for (const storage of [overTls, getStorage(two), getStorage(both), getStorage(zod)]) {
  await storage.put("a.txt", "a");
}
const answers = await Promise.all([tls, two, both, zod].map((app) => app.inject("/keys?limit=5")));
console.log(JSON.stringify(answers.map(({ body }) => body)));
await Promise.all([tls, two, both, zod].map((app) => app.close()));
