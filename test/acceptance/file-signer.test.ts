import Fastify from "fastify";
import { addStorage } from "svc-infra";
import { parseKey, Storage, type StorageBackend, UrlSigner } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { pathOf } from "./service.js";

const secret = "0123456789abcdef0123456789abcdef";

/** A backend whose provider signs and serves its own URLs. */
function ownUrls(inner: StorageBackend): StorageBackend {
  return new Proxy(inner, {
    get(target, name) {
      if (name === "signer") return async () => undefined;
      if (name === "sign")
        return async (key: string) => () => `https://provider.example/${key}?X-Amz-Signature=a`;
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

beforeEach(() => {
  for (const name of ["APP_ENV", "NODE_ENV", "STORAGE_BASE_URL", "STORAGE_SIGNING_SECRET"])
    vi.stubEnv(name, "");
});
afterEach(() => vi.unstubAllEnvs());

async function start(options = {}) {
  const lines: string[] = [];
  const app = Fastify({ logger: { stream: { write: (line: string) => void lines.push(line) } } });
  const storage = await addStorage(app, ownUrls(new MemoryBackend({ baseUrl: "http://127.0.0.1:1/files" })), {
    serveFiles: true,
    ...options,
  });
  return { app, storage, log: () => lines.join("") };
}

test("with STORAGE_SIGNING_SECRET the file route serves what a provider would", async () => {
  vi.stubEnv("STORAGE_SIGNING_SECRET", secret);
  vi.stubEnv("STORAGE_BASE_URL", "https://files.example.com/files");
  const { app, storage, log } = await start();
  const { url } = await storage.put("a.txt", "hello");
  expect(url).toMatch(/^https:\/\/files\.example\.com\/files\/a\.txt\?/);
  expect((await app.inject(pathOf(String(url)))).body).toBe("hello");
  expect(await app.storage.getUrl("a.txt")).not.toContain("provider");
  expect(log()).not.toContain("STORAGE_SIGNING_SECRET");
  await app.close();
});

test("the option signer beats the environment", async () => {
  const signer = new UrlSigner({ baseUrl: "https://own.example/files", secrets: [secret] });
  const { app, storage } = await start({ signer });
  const { url } = await storage.put("a.txt", "hello");
  expect(url).toContain("https://own.example/files/a.txt?");
  expect((await app.inject(pathOf(String(url)))).body).toBe("hello");
  await app.close();
});

test("without a secret there is one for this process, and a warning", async () => {
  const { app, storage, log } = await start();
  const { url } = await storage.put("a.txt", "hello");
  expect((await app.inject(pathOf(String(url)))).body).toBe("hello");
  expect(log()).toMatch(/"level":40.*STORAGE_SIGNING_SECRET/);
  await app.close();
});

test("in production a missing secret is a configuration error that names the variable", async () => {
  vi.stubEnv("APP_ENV", "production");
  await expect(start()).rejects.toMatchObject({
    code: "configuration",
    variables: ["STORAGE_SIGNING_SECRET"],
  });
});

test("the environment that was given decides, not that of the process", async () => {
  vi.stubEnv("STORAGE_SIGNING_SECRET", "f".repeat(32));
  vi.stubEnv("STORAGE_BASE_URL", "https://process.example/files");
  const env = { STORAGE_SIGNING_SECRET: secret, STORAGE_PUBLIC_PREFIXES: "shown/" };
  const prod = { ...env, APP_ENV: "prod" };
  await expect(start({ env: prod })).rejects.toMatchObject({ variables: ["STORAGE_BASE_URL"] });
  const noSecret = { APP_ENV: "prod", STORAGE_BASE_URL: "https://given.example/files" };
  await expect(start({ env: noSecret })).rejects.toMatchObject({ variables: ["STORAGE_SIGNING_SECRET"] });
  const { app, storage } = await start({ env: { ...prod, STORAGE_BASE_URL: "https://given.example/files" } });
  const { url } = await storage.put("a.txt", "hello");
  expect(url).toMatch(/^https:\/\/given\.example\/files\/a\.txt\?/);
  const signer = new UrlSigner({ baseUrl: "https://given.example/files", secrets: [secret] });
  expect(signer.verify("get", parseKey("a.txt"), new URL(String(url)).search.slice(1))).toBeDefined();
  await storage.put("shown/a.txt", "hello");
  expect((await app.inject("/files/shown/a.txt")).body).toBe("hello");
  await app.close();
});

test("a storage that addStorage makes is that of the environment that was given", async () => {
  vi.stubEnv("STORAGE_BACKEND", "s3");
  const app = Fastify();
  const storage = await addStorage(app, {
    env: { STORAGE_BACKEND: "memory", STORAGE_MAX_UPLOAD_BYTES: "3" },
  });
  expect(storage.backend.type).toBe("memory");
  await expect(storage.put("a.txt", "hello")).rejects.toMatchObject({ code: "too_large" });
  await app.close();
});

test("without the file route URLs stay the provider's", async () => {
  const { app, storage } = await start({ serveFiles: false });
  expect((await storage.put("a.txt", "hello")).url).toContain("provider.example");
  await app.close();
});

test("a storage that was given stays its caller's when it cannot be added", async () => {
  const app = Fastify();
  const storage = new Storage(new MemoryBackend());
  await addStorage(app, storage);
  await expect(addStorage(app, storage)).rejects.toThrow(/storage/);
  await expect(addStorage(app, storage, { decorator: "b", maxUploadBytes: 0 })).rejects.toThrow();
  await storage.put("still", "there");
  await app.close();
  await expect(storage.put("a", "b")).rejects.toThrow();
});
