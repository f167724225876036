import Fastify from "fastify";
import { addStorage } from "svc-infra";
import { MemoryBackend } from "svc-infra/storage/memory";
import { expect, it } from "vitest";

it("the metadata route tells all that put was given, and null for what was not", async () => {
  const app = Fastify();
  const storage = await addStorage(app, new MemoryBackend(), { authorize: "open" });
  const given = {
    cacheControl: "private, max-age=60",
    contentEncoding: "gzip",
    contentDisposition: "attachment",
    contentLanguage: "de",
  };
  await storage.put("all", "x", { ...given, filename: "a.txt", metadata: { by: "test" } });
  await storage.put("nothing", "x");
  const told = async (key: string) => (await app.inject(`/_storage/metadata/${key}`)).json();
  expect(await told("all")).toMatchObject({ ...given, filename: "a.txt", metadata: { by: "test" } });
  expect(await told("nothing")).toMatchObject({
    cacheControl: null,
    contentEncoding: null,
    contentDisposition: null,
    contentLanguage: null,
    filename: null,
  });
  await app.close();
});
