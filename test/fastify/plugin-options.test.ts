import Fastify from "fastify";
import { addStorage, easyStorage, storagePlugin } from "svc-infra";
import { retry, type Storage } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { clamav, type PolicyOptions } from "svc-infra/storage/policy";
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

it.each([
  ["with a policy", (storage: Storage) => storage.withPolicy({ types: ["text/plain"] })],
  ["with a layer", (storage: Storage) => storage.with(retry())],
])("a storage from the environment keeps its limit and its reason %s", async (_how, derived) => {
  const env = { STORAGE_BACKEND: "memory", STORAGE_MAX_UPLOAD_BYTES: "11000000" };
  const app = Fastify();
  await addStorage(app, derived(await easyStorage({}, env)), { authorize: "open" });
  const headers = { host: "localhost", "content-type": "text/plain" };
  const put = (size: number) =>
    app.inject({ method: "PUT", url: "/_storage/files/a.txt", headers, payload: "a".repeat(size) });
  expect((await put(10_900_000)).statusCode).toBe(200);
  expect((await put(11_100_000)).statusCode).toBe(413);
  const { reason } = (await app.inject({ url: "/_storage/backend-info", headers })).json();
  expect(reason).toContain("STORAGE_BACKEND");
  await app.close();
});

it.each([
  [{ STORAGE_MAX_UPLOAD_BYTES: "1000" }, 1000],
  [{ STORAGE_MAX_UPLOAD_BYTES: "30000000" }, 20_000_000],
  [{}, 20_000_000],
])("of the limits of the environment %j and of the policy the smaller one holds", async (limits, most) => {
  const app = Fastify();
  const env = { STORAGE_BACKEND: "memory", ...limits };
  await addStorage(app, { policy: { maxBytes: "20MB" }, env, authorize: "open" });
  expect((await app.storage.put("a", Buffer.alloc(most))).size).toBe(most);
  await expect(app.storage.put("b", Buffer.alloc(most + 1))).rejects.toMatchObject({ code: "too_large" });
  await app.close();
});

it.each([
  ["narrows an option that beats a smaller variable", { maxUploadBytes: 3000 }, "1000", 2000],
  ["does not widen an option", { maxUploadBytes: 500 }, "", 500],
  ["does not widen a variable", {}, "1000", 1000],
  ["takes the place of the default", {}, "", 2000],
])("a policy of 2,000 bytes on a storage that is given %s", async (_what, options, variable, most) => {
  const app = Fastify();
  const env = { STORAGE_BACKEND: "memory", STORAGE_MAX_UPLOAD_BYTES: variable };
  const given = await easyStorage(options, env);
  await addStorage(app, given, { policy: { maxBytes: 2000 }, env, authorize: "open" });
  const headers = { host: "localhost", "content-type": "text/plain" };
  const put = async (size: number) =>
    (await app.inject({ method: "PUT", url: "/_storage/files/a", headers, payload: "a".repeat(size) }))
      .statusCode;
  expect([await put(most), await put(most + 1)]).toEqual([200, 413]);
  await app.close();
});

it("maxUploadBytes beats the limit of a storage that is given", async () => {
  const app = Fastify();
  const given = await easyStorage({ maxUploadBytes: 3 }, {});
  await addStorage(app, given, { maxUploadBytes: 5, policy: { maxBytes: 4000 }, authorize: "open" });
  const headers = { host: "localhost", "content-type": "text/plain" };
  const put = async (payload: string) =>
    (await app.inject({ method: "PUT", url: "/_storage/files/a", headers, payload })).statusCode;
  expect([await put("12345"), await put("123456")]).toEqual([200, 413]);
  await app.close();
});

it("a policy that is not sound is refused by name beside maxUploadBytes too", async () => {
  const policy = JSON.parse('{ "under": { "a/": null } }');
  await expect(
    addStorage(Fastify(), new MemoryBackend(), { maxUploadBytes: 5, policy }),
  ).rejects.toMatchObject({ code: "configuration", message: expect.stringMatching(/^policy/) });
});

it.each<PolicyOptions>([
  { types: ["image/*"] },
  { types: ["image/*"], under: { "a/": { maxBytes: 5 } } },
  { scan: { scanner: clamav() } },
])("a storage gives upload URLs to who applies the policy of addStorage again: %o", async (policy) => {
  const app = Fastify();
  await addStorage(app, new MemoryBackend(), { policy });
  const narrowed = app.storage.withPolicy(policy);
  expect(await narrowed.getUploadUrl("a", { contentType: "image/png" })).toContain("/files/a?");
  await app.close();
});
