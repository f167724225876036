import { bearerToken } from "svc-infra";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Call,
  call,
  kinds,
  makeBackend,
  pathOf,
  type Service,
  sendRaw,
  startService,
  statusOf,
} from "./service.js";
import { spy } from "./spy.js";

const routes: readonly (readonly [operation: string, call: Call])[] = [
  ["upload", { method: "POST", path: "/_storage/upload?key=k", body: "x" }],
  ["upload", { method: "PUT", path: "/_storage/files/k", body: "x" }],
  ["delete", { method: "DELETE", path: "/_storage/files/k" }],
  ["download", { path: "/_storage/download/k" }],
  ["download", { method: "HEAD", path: "/_storage/download/k" }],
  ["metadata", { path: "/_storage/metadata/k" }],
  ["list", { path: "/_storage/list" }],
  ["backend-info", { path: "/_storage/backend-info" }],
  [
    "sign",
    {
      method: "POST",
      path: "/_storage/sign",
      headers: { "content-type": "application/json" },
      body: '{"key":"k"}',
    },
  ],
];

describe("a bearer token", () => {
  const calls: string[] = [];
  let service: Service;
  beforeAll(async () => {
    const { backend } = await makeBackend("memory");
    const authorize = bearerToken("s3cret-token");
    service = await startService({ backend, wrap: (inner) => spy(inner, calls), authorize });
  });
  afterAll(() => service.close());

  test.each(routes)("is wanted by %s before anything else happens: %j", async (_operation, each) => {
    calls.length = 0;
    for (const authorization of [
      undefined,
      "",
      "Bearer",
      "Bearer ",
      "Bearer wrong",
      "Basic czNjcmV0LXRva2Vu",
      "s3cret-token",
      "Bearer s3cret-token x",
      "Bearer s3cret-toke",
      "Bearer s3cret-token2",
      "Bearer ŝ",
    ]) {
      const headers = {
        ...each.headers,
        ...(authorization === undefined
          ? {}
          : { authorization: Buffer.from(authorization).toString("latin1") }),
      };
      const answer = await call(service.port, { ...each, headers });
      expect([authorization, answer.status]).toEqual([authorization, 401]);
      expect(answer.headers["www-authenticate"]).toMatch(/^Bearer/);
      expect(answer.headers["content-type"]).toBe("application/problem+json");
    }
    expect(calls).toEqual([]);
    const headers = { ...each.headers, authorization: "bearer s3cret-token" };
    expect([200, 204, 404]).toContain((await call(service.port, { ...each, headers })).status);
  });

  test("is asked for before a byte of content was read", async () => {
    const head = "PUT /_storage/files/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n";
    const text = await sendRaw(service.port, head);
    expect(statusOf(text)).toBe(401);
  });

  test("is asked for before a hostile key is looked at", async () => {
    expect((await call(service.port, { path: "/_storage/download/%2e%2e" })).status).toBe(401);
  });
});

describe("authorize", () => {
  test("is told what the route does; false is 401 for strangers and 403 for others", async () => {
    const asked: string[] = [];
    const service = await startService({
      authorize: async (_request, operation) => {
        asked.push(operation);
        return false;
      },
    });
    for (const [operation, each] of routes) {
      expect((await call(service.port, each)).status).toBe(401);
      expect(asked.pop()).toBe(operation);
      const headers = { ...each.headers, authorization: "Bearer x" };
      expect((await call(service.port, { ...each, headers })).status).toBe(403);
    }
    await service.close();
  });

  test.each([undefined, null, 0, "yes", "open", {}, { tenant: 1 }, []])(
    "lets nobody in by answering %j",
    async (odd) => {
      const service = await startService({ authorize: () => odd as never });
      for (const [, each] of routes) expect((await call(service.port, each)).status).toBe(401);
      await service.close();
    },
  );

  test("that throws admits no caller and tells nothing", async () => {
    const service = await startService({
      authorize: () => {
        throw new Error("database password is hunter2");
      },
    });
    const answer = await call(service.port, { path: "/_storage/list" });
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain("hunter2");
    await service.close();
  });

  test("without it there are no management routes", async () => {
    const service = await startService({ authorize: undefined });
    for (const [, each] of routes) expect((await call(service.port, each)).status).toBe(404);
    await service.close();
  });
});

describe.each(kinds)("tenants on %s", (kind) => {
  let service: Service;
  let remove: () => Promise<void>;
  beforeAll(async () => {
    const made = await makeBackend(kind);
    remove = made.remove;
    service = await startService({
      backend: made.backend,
      authorize: ({ headers }) => ({ tenant: String(headers["x-test-tenant"]) }),
    });
    await service.storage.put("t1/a.txt", "one");
    await service.storage.put("t10/a.txt", "ten");
    await service.storage.put("t10/only.txt", "only");
    await service.storage.put("public/p.txt", "all");
  });
  afterAll(async () => {
    await service.close();
    await remove();
  });

  const as = (tenant: string, each: Call) =>
    call(service.port, { ...each, headers: { ...each.headers, "x-test-tenant": tenant } });
  const sign = (tenant: string, key: string) =>
    as(tenant, {
      method: "POST",
      path: "/_storage/sign",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ key }),
    });

  test("see their own keys without the prefix", async () => {
    expect((await as("t1", { path: "/_storage/list" })).json().keys).toEqual(["a.txt"]);
    expect((await as("t10", { path: "/_storage/list" })).json().keys).toEqual(["a.txt", "only.txt"]);
    expect((await as("t1", { path: "/_storage/download/a.txt" })).text).toBe("one");
    expect((await as("t1", { path: "/_storage/metadata/a.txt" })).json().key).toBe("a.txt");
    const put = await as("t1", { method: "PUT", path: "/_storage/files/b.txt", body: "b" });
    expect(put.json()).toMatchObject({ key: "b.txt" });
    expect(put.json().url).toContain("/t1/b.txt?");
    expect(await service.storage.exists("t1/b.txt")).toBe(true);
  });

  test.each(["only.txt", "0/only.txt", "t10/only.txt", "t10/a.txt", "public/p.txt"])(
    "cannot tell %s from nothing",
    async (key) => {
      const cases: readonly Call[] = [
        { path: `/_storage/download/${key}` },
        { method: "HEAD", path: `/_storage/download/${key}` },
        { path: `/_storage/download/${key}`, headers: { "if-match": "*" } },
        { path: `/_storage/metadata/${key}` },
        { method: "DELETE", path: `/_storage/files/${key}` },
      ];
      for (const each of cases) {
        const foreign = await as("t1", each);
        const missing = await as("t1", { ...each, path: each.path.replace(key, "none.txt") });
        expect([foreign.status, missing.status]).toEqual([404, 404]);
        expect(foreign.text.replaceAll(key, "")).toBe(missing.text.replaceAll("none.txt", ""));
      }
      expect((await as("t1", { path: `/_storage/list?prefix=${key}` })).json().keys).toEqual([]);
      expect(Buffer.from(await service.storage.get("t10/only.txt")).toString()).toBe("only");
    },
  );

  test("sign only their own keys", async () => {
    const own = await sign("t1", "a.txt");
    expect((await call(service.port, { path: pathOf(String(own.json().url)) })).text).toBe("one");
    const foreign = await sign("t1", "t10/only.txt");
    expect((await call(service.port, { path: pathOf(String(foreign.json().url)) })).status).toBe(404);
    expect((await sign("t1", "../t10/only.txt")).status).toBe(400);
  });

  test.each(["", "public", "a/b", "..", ".svc-infra", "a".repeat(65)])(
    "cannot be called '%s'",
    async (tenant) => {
      expect((await as(tenant, { path: "/_storage/list" })).status).toBe(400);
    },
  );
});
