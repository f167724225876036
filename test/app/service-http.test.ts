import { setTimeout as after } from "node:timers/promises";
import type { ServiceApp } from "svc-infra/app";
import { defineEvent, onEvent } from "svc-infra/events";
import { defineJob } from "svc-infra/jobs";
import { measurePools } from "svc-infra/kernel";
import { getObservability } from "svc-infra/observability";
import { Storage, type StorageBackend } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { helpers } from "#dist/app/list/index.js";
import { planService } from "#dist/app/plan.js";
import { sendRaw } from "../acceptance/service.js";
import { startOtlpReceiver } from "../rigs/otlp-receiver.js";
import { makeService } from "./service.js";

/** A backend whose provider signs and serves its own URLs. */
function signsItself(inner: StorageBackend): StorageBackend {
  return new Proxy(inner, {
    get(target, name) {
      if (name === "signer") return async () => undefined;
      if (name === "sign") return async (key: string) => () => `https://provider.example/${key}`;
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

let app: ServiceApp;
afterEach(() => app.close());

describe("a service with nothing set", () => {
  it("answers /ping with its name and release", async () => {
    app = await makeService({ RELEASE: "1.4.0" });
    expect((await app.inject("/ping")).json()).toEqual({ service: "shop", release: "1.4.0" });
  });

  it.each(["/healthz", "/readyz", "/startupz"])(
    "answers %s with 200, which nothing may cache",
    async (path) => {
      app = await makeService();
      const response = await app.inject(path);
      expect([response.statusCode, response.headers["cache-control"]]).toEqual([200, "no-store"]);
      expect(response.json().status).toBe("ok");
    },
  );

  it("keeps the limits of the storage that its environment sets", async () => {
    const token = "0123456789abcdef0123456789abcdef";
    app = await makeService({
      STORAGE_BACKEND: "memory",
      STORAGE_API_TOKEN: token,
      STORAGE_RATE_LIMIT_READS: "1",
    });
    const list = () => app.inject({ url: "/_storage/list", headers: { authorization: `Bearer ${token}` } });
    expect([(await list()).statusCode, (await list()).statusCode]).toEqual([200, 429]);
  });

  it.each([11_000_000, 1000])(
    "bounds every upload by the option of the storage: %i",
    async (maxUploadBytes) => {
      app = await makeService({}, { storage: { maxUploadBytes, authorize: () => true } });
      expect((await app.storage.put("a", Buffer.alloc(maxUploadBytes))).size).toBe(maxUploadBytes);
      const larger = app.storage.put("b", Buffer.alloc(maxUploadBytes + 1));
      await expect(larger).rejects.toMatchObject({ code: "too_large" });
      const prepare = async (size: number) =>
        (await app.inject({ method: "POST", url: "/_storage/uploads", payload: { key: "c", size } }))
          .statusCode;
      expect([await prepare(maxUploadBytes), await prepare(maxUploadBytes + 1)]).toEqual([201, 413]);
    },
  );

  it("gives files below the public prefixes of the option permanent URLs, and says which variable chose", async () => {
    const env = { STORAGE_BACKEND: "memory", STORAGE_PUBLIC_URL: "https://cdn.example.com" };
    app = await makeService(env, { storage: { publicFiles: { prefixes: ["img/"] } } });
    expect(await app.storage.getUrl("img/a.png", { public: true })).toBe("https://cdn.example.com/img/a.png");
    const choice = { what: "storage", chosen: "MemoryBackend", reason: "STORAGE_BACKEND is 'memory'" };
    expect(app.service.choices).toContainEqual(choice);
  });

  it("mounts no management routes for the token of the environment where code gives the storage", async () => {
    const token = "0123456789abcdef0123456789abcdef";
    app = await makeService({ STORAGE_API_TOKEN: token }, { storage: { source: new MemoryBackend() } });
    const headers = { authorization: `Bearer ${token}` };
    expect((await app.inject({ url: "/_storage/list", headers })).statusCode).toBe(404);
  });

  it("takes no short token of the storage in production", async () => {
    const token = { STORAGE_API_TOKEN: "short" };
    app = await makeService({ ...token, STORAGE_BACKEND: "memory" });
    const env = { RENDER: "true", STORAGE_S3_BUCKET: "bucket", ...token };
    await expect(makeService(env)).rejects.toMatchObject({
      variables: expect.arrayContaining(["STORAGE_API_TOKEN"]),
    });
  });

  it("leaves signed URLs to a provider that signs its own, and refuses in production what it cannot sign", async () => {
    const source = () => new Storage(signsItself(new MemoryBackend({ baseUrl: "http://127.0.0.1:1/files" })));
    app = await makeService({}, { storage: { source: source() } });
    expect(await app.storage.getUrl("a.txt")).toBe("https://provider.example/a.txt");
    const env = { APP_ENV: "prod", STORAGE_BASE_URL: "https://files.example.com/files" };
    await expect(makeService(env, { storage: { source: source(), serveFiles: true } })).rejects.toMatchObject(
      { variables: ["STORAGE_SIGNING_SECRET"] },
    );
  });

  it("answers what is not there with problem details", async () => {
    app = await makeService();
    const response = await app.inject("/nowhere");
    expect(response.headers["content-type"]).toBe("application/problem+json");
    expect(response.json()).toMatchObject({ status: 404, code: "no_such_route", instance: "/nowhere" });
  });

  it("says of each thing what was chosen and because of which variable", async () => {
    app = await makeService({ SQL_URL: "" });
    const rows = Object.fromEntries(app.service.choices.map(({ what, ...rest }) => [what, rest]));
    expect(rows.origins).toEqual({ chosen: "none but its own", reason: "CORS_ALLOW_ORIGINS is not set" });
    expect(rows.sql).toEqual({ chosen: "off", reason: "none of SQL_URL, DATABASE_URL, DB_HOST is set" });
    expect(rows.payments).toEqual({ chosen: "off", reason: "option 'payments' is not given" });
    for (const { name } of helpers) expect(rows).toHaveProperty(name);
  });

  it("says that an option decided where it beat a variable", async () => {
    app = await makeService(
      { PORT: "8123", METRICS_PATH: "/variable", ENABLE_OBS: "false" },
      { port: 8124, logLevel: "silent", observability: { enabled: true, metricsPath: "/option" } },
    );
    const rows = Object.fromEntries(app.service.choices.map(({ what, ...rest }) => [what, rest]));
    expect(rows.log).toEqual({ chosen: "silent and above", reason: "option 'logLevel' is given" });
    expect(rows.port).toEqual({ chosen: "8124", reason: "option 'port' is given" });
    expect(rows.host).toEqual({ chosen: "127.0.0.1", reason: "HOST is not set" });
    expect(rows["body limit"]).toEqual({ chosen: "1048576 bytes", reason: "HTTP_MAX_BODY_BYTES is not set" });
    expect(rows["idle limit"]).toEqual({ chosen: "60 s", reason: "HTTP_IDLE_TIMEOUT_MS is not set" });
    expect(rows.observability).toEqual({ chosen: "/option", reason: "option 'observability' decides" });
    expect((await app.inject("/option")).statusCode).toBe(200);
  });

  it("measures nothing with ENABLE_OBS=false, and says so to those who ask", async () => {
    app = await makeService({ ENABLE_OBS: "false" });
    const rows = Object.fromEntries(app.service.choices.map(({ what, ...rest }) => [what, rest]));
    expect(rows.observability).toEqual({ chosen: "off", reason: "ENABLE_OBS is set" });
    expect(getObservability(app).registry).toBeUndefined();
    expect((await app.inject("/metrics")).statusCode).toBe(404);
  });

  it("lets a job that runs while it closes use every other helper", async () => {
    const source = new MemoryBackend();
    let runs = false;
    let ended: unknown;
    const work = defineJob("work", z.object({}), async () => {
      runs = true;
      await after(500);
      await app.cache.set("a", "cached");
      ended = [(await app.storage.put("a.txt", "late")).key, await app.cache.get("a")];
    });
    app = await makeService({}, { jobs: { jobs: [work] }, cache: true, storage: { source } });
    await app.ready();
    await app.jobs.queue.enqueue(work, {});
    await expect.poll(() => runs).toBe(true);
    await app.close();
    expect(ended).toEqual(["a.txt", "cached"]);
  });

  it("leaves no storage open once its plan was checked", async () => {
    app = await makeService();
    const { helpers: planned } = await planService({}, { CLOUDINARY_URL: "cloudinary://key:secret@shop" });
    expect(planned.find(({ helper }) => helper.name === "storage")?.isOn).toBe(true);
    expect(measurePools().filter(({ pool }) => pool === "cloudinary")).toEqual([]);
  });

  it("adds the helpers that code or a variable asks for, and hands the jobs of one to another", async () => {
    const paid = defineEvent("invoice.paid", z.object({ total: z.int() }));
    const heard: unknown[] = [];
    const ledger = onEvent(paid, "ledger", async ({ data }) => void heard.push(data));
    app = await makeService(
      { TENANT_HEADER: "x-tenant", IDEMPOTENCY_TTL_SECONDS: "60" },
      { jobs: true, events: { events: [paid], consumers: [ledger] } },
    );
    const rows = Object.fromEntries(app.service.choices.map(({ what, ...rest }) => [what, rest]));
    expect(rows.tenancy).toEqual({ chosen: "request.tenant", reason: "TENANT_HEADER is set" });
    expect(rows.idempotency?.reason).toBe("IDEMPOTENCY_TTL_SECONDS is set");
    expect(rows.events).toEqual({ chosen: "1 kinds", reason: "option 'events' asks for it" });
    await app.ready();
    const event = { id: "evt_1", type: "invoice.paid", version: 1, tenant: "acme", subject: "invoice/1" };
    const occurredAt = new Date().toISOString();
    await app.jobs.queue.enqueue(ledger.job, { ...event, occurredAt, data: { total: 7 } });
    await expect.poll(() => heard).toEqual([{ total: 7 }]);
  });

  it("describes what subscribers of its webhooks are sent", async () => {
    const paid = defineEvent("invoice.paid", z.object({ total: z.int() }));
    const options = { sql: true, webhooks: true, jobs: true, events: { events: [paid] } } as const;
    app = await makeService({ SQL_URL: "pglite:memory" }, options);
    const { webhooks } = (await app.inject("/docs/json")).json();
    expect(Object.keys(webhooks)).toEqual(["invoice.paid"]);
    expect(JSON.stringify(webhooks)).toContain('"total":{"type":"integer"');
  });

  it("names the helper that another one needs before anything is opened", async () => {
    app = await makeService();
    const secret = "a secret of more than thirty-two characters";
    await expect(makeService({ AUTH_SECRET: secret })).rejects.toThrow(
      /sql: is off, and auth needs it \(AUTH_SECRET is set\); pass sql: true.*mail: is off/s,
    );
    const paid = defineEvent("invoice.paid", z.object({ total: z.int() }));
    const both = makeService({}, { events: { events: [paid] }, payments: { plans: { pro: "price_1" } } });
    await expect(both).rejects.toThrow(
      /jobs: is off, and events needs it \(option 'events' asks for it\); pass jobs: true.*jobs: is off, and payments needs it/s,
    );
  });
});

describe("request ids", () => {
  it("are the caller's where they are fit for a log, else new", async () => {
    app = await makeService();
    const idOf = async (given: string) =>
      (await app.inject({ url: "/ping", headers: { "x-request-id": given } })).headers["x-request-id"];
    expect(await idOf("b7e1f0aa-7")).toBe("b7e1f0aa-7");
    for (const bad of ["short", 'a"b"c"d"e"f', "a".repeat(129), "line\\nline\\n"]) {
      expect(await idOf(bad)).toMatch(/^[0-9a-f-]{36}$/);
    }
  });
});

describe("security headers", () => {
  it("allow nothing by default", async () => {
    app = await makeService();
    const { headers } = await app.inject("/ping");
    expect(headers).toMatchObject({
      "content-security-policy": expect.stringContaining("default-src 'none'"),
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "strict-transport-security": expect.stringContaining("max-age="),
      "referrer-policy": "no-referrer",
    });
    expect(headers).not.toHaveProperty("x-powered-by");
  });

  it("let the page of the documentation run its own scripts and nothing else", async () => {
    app = await makeService();
    const { headers, statusCode, body } = await app.inject("/docs/");
    expect(statusCode).toBe(200);
    expect(headers["content-security-policy"]).toContain("script-src 'self';");
    expect(body).not.toMatch(/<script>[^<]/);
  });
});

describe("CORS_ALLOW_ORIGINS", () => {
  const preflight = (origin: string) =>
    app.inject({
      method: "OPTIONS",
      url: "/ping",
      headers: { origin, "access-control-request-method": "POST" },
    });

  it.each([{}, { origin: "https://app.example.com" }, { "access-control-request-method": "POST" }])(
    "answers OPTIONS with %j, which is no preflight, with problem details",
    async (headers) => {
      app = await makeService({ CORS_ALLOW_ORIGINS: "https://app.example.com" });
      const answer = await app.inject({ method: "OPTIONS", url: "/ping", headers });
      expect([answer.statusCode, answer.headers["content-type"]]).toEqual([400, "application/problem+json"]);
      expect(answer.json().code).toBe("bad_request");
    },
  );

  it("lets exactly its origins in", async () => {
    app = await makeService({ CORS_ALLOW_ORIGINS: "https://app.example.com, https://admin.example.com" });
    const { headers } = await preflight("https://app.example.com");
    expect(headers["access-control-allow-origin"]).toBe("https://app.example.com");
    expect(headers).not.toHaveProperty("access-control-allow-credentials");
    const answer = await app.inject({ url: "/ping", headers: { origin: "https://app.example.com" } });
    expect(answer.headers.vary).toContain("Origin");
    const exposed = `${answer.headers["access-control-expose-headers"]}`.split(", ");
    expect(exposed).toEqual(expect.arrayContaining(["content-range", "etag", "idempotency-replayed"]));
  });

  it.each([
    "null",
    "https://app.example.com.evil.test",
    "https://evilapp.example.com",
    "http://app.example.com",
    "https://app.example.com:444",
  ])("tells nothing to %s", async (origin) => {
    app = await makeService({
      CORS_ALLOW_ORIGINS: "https://app.example.com",
      CORS_ALLOW_CREDENTIALS: "true",
    });
    for (const response of [
      await preflight(origin),
      await app.inject({ url: "/ping", headers: { origin } }),
    ]) {
      expect(response.headers).not.toHaveProperty("access-control-allow-origin");
    }
  });

  it("admits no caller when it is not set", async () => {
    app = await makeService();
    const { headers } = await app.inject({ url: "/ping", headers: { origin: "https://app.example.com" } });
    expect(headers).not.toHaveProperty("access-control-allow-origin");
  });

  it("may be *, and never sends cookies then", async () => {
    app = await makeService({ CORS_ALLOW_ORIGINS: "*" });
    const { headers } = await preflight("https://anybody.test");
    expect(headers["access-control-allow-origin"]).toBe("*");
    expect(headers).not.toHaveProperty("access-control-allow-credentials");
    const both = makeService({ CORS_ALLOW_ORIGINS: "*", CORS_ALLOW_CREDENTIALS: "true" });
    await expect(both).rejects.toThrow("CORS_ALLOW_ORIGINS: is *, and CORS_ALLOW_CREDENTIALS is true");
  });

  it.each(["null", "https://*.example.com", "https://app.example.com/", "app.example.com"])(
    "refuses %s at the start",
    async (value) => {
      app = await makeService();
      await expect(makeService({ CORS_ALLOW_ORIGINS: value })).rejects.toThrow(
        "CORS_ALLOW_ORIGINS: expected origins",
      );
    },
  );
});

describe("a page of another origin", () => {
  const origin = "https://app.example.com";
  const headers = { origin, "sec-fetch-site": "cross-site", "content-type": "text/plain" };
  const env = { STORAGE_BACKEND: "memory" };
  const send = async (url: string, method: "PUT" | "POST", payload = "x") =>
    (await app.inject({ method, url, payload, headers })).statusCode;
  const signedPut = async () => {
    const url = new URL(await app.storage.getUploadUrl("sent", { contentType: "text/plain" }));
    return send(`${url.pathname}${url.search}`, "PUT");
  };

  it("may use signed URLs, and nothing else that changes something", async () => {
    app = await makeService({ ...env, CORS_ALLOW_ORIGINS: "*" }, { storage: { authorize: () => true } });
    app.post("/notes", async () => "ok");
    expect(await signedPut()).toBe(200);
    expect(await send("/_storage/files/k", "PUT")).toBe(403);
    expect(await send("/notes", "POST")).toBe(403);
  });

  it("may call the routes of a storage that allows it, and no others", async () => {
    const storage = { authorize: () => true, allowOrigins: [origin] };
    app = await makeService(env, { storage });
    app.post("/notes", async () => "ok");
    expect(await signedPut()).toBe(200);
    expect(await send("/_storage/files/k", "PUT")).toBe(200);
    expect(await send("/notes", "POST")).toBe(403);
    await app.close();
    app = await makeService(env, { storage: { ...storage, allowOrigins: ["https://other.example.com"] } });
    expect(await send("/_storage/files/k", "PUT")).toBe(403);
  });
});

describe("a request that is refused before its route", () => {
  const refuse = async () => Promise.reject(Object.assign(new Error("no"), { statusCode: 401 }));
  const crossSite = { method: "POST", url: "/ping", headers: { "sec-fetch-site": "cross-site" } } as const;
  const origin = "https://app.example.com";
  const preflight = {
    method: "OPTIONS",
    url: "/ping",
    headers: { origin, "access-control-request-method": "POST" },
  } as const;

  it.each([
    ["by the guard", { guard: refuse }, { url: "/ping" }, 401],
    ["as cross-site", {}, crossSite, 403],
    ["as a preflight is answered", {}, preflight, 204],
  ] as const)("%s is counted, and has the security headers", async (_why, options, request, status) => {
    app = await makeService({ CORS_ALLOW_ORIGINS: origin }, options);
    const count = async () => {
      const text = (await app.observability.registry?.metrics()) ?? "";
      return text.match(/^http_server_requests_total\{.*status="\dxx"\} 1$/gm);
    };
    const response = await app.inject(request);
    expect(response.statusCode).toBe(status);
    expect(response.headers["x-content-type-options"]).toBe("nosniff");
    expect(await count()).toEqual([expect.stringContaining(`status="${Math.floor(status / 100)}xx"`)]);
  });

  it("ends its span, which its log lines name", async () => {
    const receiver = await startOtlpReceiver();
    app = await makeService({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
    expect((await app.inject(crossSite)).statusCode).toBe(403);
    await app.close();
    const [span] = receiver.spans;
    expect(span?.attributes["http.response.status_code"]).toBe(403);
    await receiver.stop();
  });

  it("by the guard cannot read the metrics either", async () => {
    app = await makeService({}, { guard: refuse });
    expect((await app.inject("/metrics")).statusCode).toBe(401);
  });
});

describe("limits", () => {
  it("refuse a body over HTTP_MAX_BODY_BYTES", async () => {
    app = await makeService({ HTTP_MAX_BODY_BYTES: "100" });
    app.post("/notes", async () => "ok");
    const response = await app.inject({ method: "POST", url: "/notes", payload: { text: "a".repeat(100) } });
    expect([response.statusCode, response.json().code]).toEqual([413, "too_large"]);
  });

  it("refuse a client after RATE_LIMIT_MAX requests and say when to come back, and count what is not there", async () => {
    app = await makeService({ RATE_LIMIT_MAX: "2" });
    await app.inject("/nowhere");
    await app.inject("/ping");
    const response = await app.inject("/ping");
    expect([response.statusCode, response.json().code]).toEqual([429, "rate_limited"]);
    expect(Number(response.headers["retry-after"])).toBeGreaterThan(0);
    expect((await app.inject({ url: "/ping", remoteAddress: "192.0.2.7" })).statusCode).toBe(200);
  });

  it("never refuse a probe", async () => {
    app = await makeService({ RATE_LIMIT_MAX: "1" });
    for (const path of ["/healthz", "/healthz", "/readyz", "/readyz", "/startupz", "/startupz"]) {
      expect((await app.inject(path)).statusCode).toBe(200);
    }
  });

  it("believe X-Forwarded-For from no client", async () => {
    app = await makeService({ RATE_LIMIT_MAX: "2" });
    const statuses = [];
    for (const address of ["198.51.100.1", "198.51.100.2", "198.51.100.3"]) {
      const headers = {
        "x-forwarded-for": address,
        "x-forwarded-proto": "https",
        "x-forwarded-host": "evil.test",
      };
      statuses.push((await app.inject({ url: "/ping", headers })).statusCode);
    }
    expect(statuses).toEqual([200, 200, 429]);
  });

  it.each([
    ["nobody", {}, { host: "shop.example", protocol: "http", ip: "127.0.0.1" }],
    [
      "the proxy that TRUST_PROXY names",
      { TRUST_PROXY: "127.0.0.1" },
      { host: "evil.test", protocol: "https", ip: "198.51.100.1" },
    ],
  ])("take host and protocol of X-Forwarded-* from %s", async (_who, env, expected) => {
    app = await makeService(env as Record<string, string>);
    app.get("/seen", async ({ host, protocol, ip }) => ({ host, protocol, ip }));
    const headers = {
      host: "shop.example",
      "x-forwarded-for": "198.51.100.1",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "evil.test",
    };
    expect((await app.inject({ url: "/seen", headers })).json()).toEqual(expected);
  });

  it("count each client behind a proxy that TRUST_PROXY names, by what that proxy says", async () => {
    app = await makeService({ RATE_LIMIT_MAX: "1", TRUST_PROXY: "127.0.0.1" });
    const statusFor = async (forwarded: string) =>
      (await app.inject({ url: "/ping", headers: { "x-forwarded-for": forwarded } })).statusCode;
    expect(await statusFor("198.51.100.1")).toBe(200);
    expect(await statusFor("198.51.100.2")).toBe(200);
    expect(await statusFor("203.0.113.9, 198.51.100.2")).toBe(429);
  });

  it.each(["true", "0.0.0.0/0", "::/0", "example.com", "10.0.0.0/33"])(
    "refuse to trust %s as a proxy",
    async (value) => {
      app = await makeService();
      await expect(makeService({ TRUST_PROXY: value })).rejects.toThrow("TRUST_PROXY: expected");
    },
  );
});

describe("the schemas of routes", () => {
  it("are zod: they check, and a failure names the place", async () => {
    app = await makeService();
    app.post("/notes", { schema: { body: z.object({ text: z.string() }) } }, async ({ body }) => body.text);
    const response = await app.inject({ method: "POST", url: "/notes", payload: { text: 1 } });
    expect(response.statusCode).toBe(400);
    expect(response.json()).toMatchObject({ code: "bad_request", detail: expect.stringContaining("text") });
  });

  it("of another kind are refused at the start", async () => {
    app = await makeService();
    app.post("/notes", { schema: { body: { type: "object" } } }, async () => "ok");
    await expect(app.ready()).rejects.toThrow("the schema of POST /notes (body) is no zod schema");
  });
});

describe("failures", () => {
  it.each([
    ["without a host", "GET /ping HTTP/1.1\r\n", 400],
    ["without a host, of a path that is not there", "GET /nowhere HTTP/1.1\r\n", 400],
    [
      "with an expectation that nothing knows",
      "GET /nowhere HTTP/1.1\r\nHost: a\r\nExpect: nonsense\r\n",
      404,
    ],
    ["of HTTP/1.0 without a host", "GET /nowhere HTTP/1.0\r\n", 404],
  ])("of a request %s are problem details", async (_name, head, status) => {
    app = await makeService();
    const { port } = new URL(await app.listen({ port: 0, host: "127.0.0.1" }));
    const answer = await sendRaw(Number(port), `${head}Connection: close\r\n\r\n`);
    expect(answer).toContain(`HTTP/1.1 ${status} `);
    expect(answer).toContain("content-type: application/problem+json\r\n");
    expect(answer).toContain("x-content-type-options: nosniff\r\n");
  });

  it.each([
    ["/%zz", 400],
    [`/notes/${"a".repeat(101)}`, 414],
  ])("of the router, as for %s, have an id and the security headers too", async (url, status) => {
    app = await makeService();
    app.get("/notes/:id", async () => ({}));
    const { statusCode, headers } = await app.inject({ url, headers: { "x-request-id": "b7e1f0aa-7" } });
    expect(statusCode).toBe(status);
    expect(headers).toMatchObject({
      "content-type": "application/problem+json",
      "content-security-policy": expect.stringContaining("default-src 'none'"),
      "strict-transport-security": expect.stringContaining("max-age="),
      "x-request-id": "b7e1f0aa-7",
    });
  });

  it("inside the service tell the client nothing", async () => {
    app = await makeService();
    app.get("/fails", async () => {
      throw new Error("password is hunter2");
    });
    const response = await app.inject("/fails");
    expect(response.statusCode).toBe(500);
    expect(response.body).not.toContain("hunter2");
  });
});
