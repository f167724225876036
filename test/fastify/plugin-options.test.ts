import Fastify from "fastify";
import { addStorage, storagePlugin } from "svc-infra";
import { MemoryBackend } from "svc-infra/storage/memory";
import { expect, it } from "vitest";

it("an option that is misspelled is refused by name, with those that exist", async () => {
  const options = { serveFiles: true, authorise: "open" };
  await expect(addStorage(Fastify(), new MemoryBackend(), options)).rejects.toMatchObject({
    code: "configuration",
    message: expect.stringMatching(/'authorise'.*authorize/),
  });
});

it("what Fastify's register takes beside the plugin's options is not taken for one", async () => {
  const app = Fastify();
  await app.register(storagePlugin, { storage: new MemoryBackend(), logLevel: "error", prefix: "/v1" });
  expect(app.storage.backend.type).toBe("memory");
  await app.close();
});
