import Fastify, { type FastifyInstance } from "fastify";
import { type AddStorageOptions, addStorage, easyStorage, type PublicFilesRules } from "svc-infra";
import { prefix, type Storage } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { call, kinds, makeBackend, pathOf } from "./service.js";

let app: FastifyInstance;
let remove: () => Promise<void> = async () => undefined;
const isPublic = { public: true };

beforeEach(() => {
  app = Fastify();
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await app.close();
  await remove();
});

const portOf = (): number => Object(app.server.address()).port;
const get = (path: string, headers: Record<string, string> = {}) => call(portOf(), { path, headers });

describe.each(kinds)("on %s", (kind) => {
  let storage: Storage;

  beforeEach(async () => {
    const made = await makeBackend(kind);
    ({ remove } = made);
    storage = await addStorage(app, made.backend, { publicFiles: {} });
    await app.listen({ port: 0, host: "127.0.0.1" });
    await storage.put("public/a.txt", "hello", { contentType: "text/plain" });
    await storage.put("secret.txt", "secret");
    await storage.put("Public/a.txt", "another key");
    await storage.put("publicity/a.txt", "another key");
    await storage.forTenant("acme").put("public/a.txt", "of a tenant");
  });

  it("a public file needs no signature, and answers as a signed one does", async () => {
    const answer = await get("/files/public/a.txt");
    expect([answer.status, answer.text]).toEqual([200, "hello"]);
    expect(answer.headers).toMatchObject({
      "cache-control": "public, max-age=3600",
      "cross-origin-resource-policy": "cross-origin",
      "content-type": "text/plain",
      "content-security-policy": expect.stringContaining("sandbox"),
    });
    const head = await call(portOf(), { method: "HEAD", path: "/files/public/a.txt" });
    expect([head.status, head.text, head.headers["content-length"]]).toEqual([200, "", "5"]);
    const part = await get("/files/public/a.txt", { range: "bytes=1-2" });
    expect([part.status, part.text, part.headers["content-range"]]).toEqual([206, "el", "bytes 1-2/5"]);
    const same = await get("/files/public/a.txt", { "if-none-match": String(answer.headers.etag) });
    expect([same.status, same.headers["cache-control"]]).toEqual([304, "public, max-age=3600"]);
    expect((await get("/files/public/a.txt?v=7")).text).toBe("hello");
    expect((await get("/files/public/none.txt")).status).toBe(404);
  });

  it("a signature says more of it", async () => {
    const url = pathOf(await storage.getUrl("public/a.txt", { download: true, cacheControl: "private" }));
    const { headers } = await get(url);
    expect([headers["cache-control"], headers["content-disposition"]]).toEqual([
      "private",
      'attachment; filename="a.txt"',
    ]);
  });

  it.each([
    "/files/secret.txt",
    "/files/public/../secret.txt",
    "/files/public/%2e%2e/secret.txt",
    "/files/public/%252e%252e/secret.txt",
    "/files/public%2f..%2fsecret.txt",
    "/files/public/..%2fsecret.txt",
    "/files/public%5c..%5csecret.txt",
    "/files/public//a.txt",
    "/files//public/a.txt",
    "/files/./public/a.txt",
    "/files/public/a.txt%00",
    "/files/public",
    "/files/public/",
    "/files/Public/a.txt",
    "/files/PUBLIC/a.txt",
    "/files/%50ublic/a.txt",
    "/files/publicity/a.txt",
    "/files/acme/public/a.txt",
    "/files/.svc-infra/secret",
    "/files/public/.svc-infra/secret",
  ])("%s is not public", async (path) => {
    const { status, text } = await get(path);
    expect([path, status < 400 ? 200 : 400, /hello|secret\.txt$|another|tenant/.test(text)]).toEqual([
      path,
      400,
      false,
    ]);
  });

  it("an encoded path of a public key is that key, and no other verb is free", async () => {
    expect((await get("/files/public%2Fa.txt")).text).toBe("hello");
    const put = {
      method: "PUT",
      path: "/files/public/b.txt",
      headers: { "content-type": "text/plain" },
      body: "x",
    };
    expect((await call(portOf(), put)).status).toBe(403);
    expect((await call(portOf(), { method: "DELETE", path: "/files/public/a.txt" })).status).toBe(405);
  });
});

it("its permanent URL is the file route's where nothing else is set", async () => {
  const storage = await addStorage(app, new MemoryBackend(), { publicFiles: {} });
  await app.listen({ port: 0, host: "127.0.0.1" });
  await storage.put("public/a.txt", "hello");
  const url = await storage.getUrl("public/a.txt", isPublic);
  expect(url).toBe(`http://localhost:${portOf()}/files/public/a.txt`);
  expect(await (await fetch(url)).text()).toBe("hello");
  await expect(storage.getUrl("a.txt", isPublic)).rejects.toMatchObject({ code: "invalid_argument" });
});

describe("what is declared", () => {
  async function start(options: AddStorageOptions, env: Record<string, string> = {}): Promise<Storage> {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const storage = await addStorage(app, await easyStorage({ backend: "memory" }), options);
    await app.listen({ port: 0, host: "127.0.0.1" });
    await storage.put("public/a.txt", "hello");
    await storage.put("logos/a.txt", "logo", { cacheControl: "public, max-age=5" });
    return storage;
  }
  const statuses = async () => [
    (await get("/files/public/a.txt")).status,
    (await get("/files/logos/a.txt")).status,
  ];

  it("is nothing by default", async () => {
    await start({});
    expect(await statuses()).toEqual([403, 403]);
  });

  it("is public/ with STORAGE_PUBLIC_URL, which getUrl then gives", async () => {
    const storage = await start({}, { STORAGE_PUBLIC_URL: "https://cdn.example.com" });
    expect(await statuses()).toEqual([200, 403]);
    expect(await storage.getUrl("public/a.txt", isPublic)).toBe("https://cdn.example.com/public/a.txt");
  });

  it("is what STORAGE_PUBLIC_PREFIXES names", async () => {
    await start({}, { STORAGE_PUBLIC_PREFIXES: "logos/" });
    expect(await statuses()).toEqual([403, 200]);
    expect((await get("/files/logos/a.txt")).headers["cache-control"]).toBe("public, max-age=5");
  });

  it("is what the option names; false is nothing", async () => {
    await start(
      { publicFiles: { prefixes: ["public/"], immutable: true } },
      { STORAGE_PUBLIC_PREFIXES: "logos/" },
    );
    expect(await statuses()).toEqual([200, 403]);
    const { headers } = await get("/files/public/a.txt");
    expect(headers["cache-control"]).toBe("public, max-age=31536000, immutable");
  });

  it("false leaves the files to what is behind STORAGE_PUBLIC_URL", async () => {
    const storage = await start({ publicFiles: false }, { STORAGE_PUBLIC_URL: "https://cdn.example.com" });
    expect(await statuses()).toEqual([403, 403]);
    expect(await storage.getUrl("public/a.txt", isPublic)).toBe("https://cdn.example.com/public/a.txt");
  });

  it("is one list in a storage that addStorage makes, for the file route and for the permanent URLs", async () => {
    const env = { STORAGE_BACKEND: "memory", STORAGE_PUBLIC_URL: "https://app.example/files" };
    const storage = await addStorage(app, { env, publicFiles: { prefixes: ["logos/"] } });
    await app.listen({ port: 0, host: "127.0.0.1" });
    await storage.put("public/a.txt", "hello");
    await storage.put("logos/a.txt", "logo");
    expect(await statuses()).toEqual([403, 200]);
    expect(await storage.getUrl("logos/a.txt", isPublic)).toBe("https://app.example/files/logos/a.txt");
    await expect(storage.getUrl("public/a.txt", isPublic)).rejects.toMatchObject({
      code: "invalid_argument",
    });
  });

  it("is that list where the provider serves the files", async () => {
    const env = { STORAGE_BACKEND: "memory", STORAGE_PUBLIC_URL: "https://cdn.example.com" };
    const options = { env, serveFiles: false, publicFiles: { prefixes: ["logos/"] } };
    const storage = await addStorage(app, options);
    expect(await storage.getUrl("logos/a.txt", isPublic)).toBe("https://cdn.example.com/logos/a.txt");
  });

  it.each([true, false])(
    "has URLs in a storage that is given, or is refused (serveFiles: %s)",
    async (serveFiles) => {
      const given = await easyStorage({ backend: "memory", publicUrl: "https://cdn.example.com" }, {});
      const told: string[] = [];
      given.observers.add(({ operation }) => told.push(operation));
      const publicFiles = { prefixes: ["logos/"] };
      await expect(addStorage(app, given, { serveFiles, publicFiles })).rejects.toThrow(
        /publicFiles.*'logos\/'.*STORAGE_PUBLIC_PREFIXES/,
      );
      const below = given.with(prefix("public/"));
      const storage = await addStorage(app, below, { serveFiles, publicFiles });
      expect(told).not.toContain("getUrl");
      expect(await storage.getUrl("logos/a", isPublic)).toBe("https://cdn.example.com/public/logos/a");
    },
  );

  it.each([
    [{ prefixes: [""] }, /public prefix.*ends in '\/'/],
    [{ prefixes: ["public"] }, /public prefix/],
    [{ maxAge: -1 }, /publicFiles.maxAge/],
    [{ ttl: 1 }, /publicFiles has no option 'ttl'/],
    [{ immutable: "no" }, /publicFiles.immutable/],
    [true, /publicFiles must be false or rules/],
  ])("is refused when it is %o", async (rules, message) => {
    const publicFiles = rules as PublicFilesRules;
    for (const serveFiles of [true, false]) {
      const options = { publicFiles, serveFiles };
      await expect(addStorage(app, new MemoryBackend(), options)).rejects.toThrow(message);
    }
  });
});
