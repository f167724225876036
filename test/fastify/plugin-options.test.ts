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

it.each([
  ["resourcePolicy", "same-orgin", /same-origin, same-site, cross-origin/],
  ["closeGraceMs", Number.NaN, /finite number.*'closeGraceMs'/],
  ["startTimeoutMs", "5", /a number as the option 'startTimeoutMs'/],
  ["startTimeoutMs", 0, /from 1 to/],
  ["serveFiles", "atuo", /'auto'/],
  ["health", "no", /a boolean as the option 'health'/],
  ["decorator", 1, /a string as the option 'decorator'/],
  ["allowOrigins", "https://a.example", /an array as the option 'allowOrigins'/],
])("the option %s is refused as %j, by name", async (name, value, message) => {
  const options = JSON.parse("{}");
  options[name] = value;
  await expect(addStorage(Fastify(), new MemoryBackend(), options)).rejects.toMatchObject({
    code: "configuration",
    message: expect.stringMatching(message),
  });
});
