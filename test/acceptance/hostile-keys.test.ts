import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostileTargets } from "./hostile-targets.js";
import { call, kinds, makeBackend, type Service, sendRaw, startService, statusOf } from "./service.js";
import { spy } from "./spy.js";

const routes: readonly (readonly [method: string, before: string, after: string])[] = [
  ["GET", "/_storage/download/", ""],
  ["HEAD", "/_storage/download/", ""],
  ["GET", "/_storage/metadata/", ""],
  ["PUT", "/_storage/files/", ""],
  ["DELETE", "/_storage/files/", ""],
  ["POST", "/_storage/upload?key=", ""],
  ["GET", "/files/", "?expires=99999999999&signature=x"],
  ["HEAD", "/files/", "?expires=99999999999&signature=x"],
  ["PUT", "/files/", "?expires=99999999999&type=text%2Fplain&signature=x"],
];

test("there are at least 500 of them", () => {
  expect(new Set(hostileTargets).size).toBeGreaterThanOrEqual(500);
});

describe.each(kinds)("%s", (kind) => {
  const calls: string[] = [];
  let service: Service;
  let made: Awaited<ReturnType<typeof makeBackend>>;

  beforeAll(async () => {
    made = await makeBackend(kind);
    service = await startService({ backend: made.backend, wrap: (inner) => spy(inner, calls) });
  });
  afterAll(async () => {
    await service.close();
    await made.remove();
  });

  test.each(routes)(
    "%s %s refuses every hostile key before the backend sees it",
    async (method, before, after) => {
      calls.length = 0;
      const body = method === "PUT" || method === "POST" ? "x" : "";
      for (const key of hostileTargets) {
        const request = `${method} ${before}${key}${after} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
        const answer = await sendRaw(service.port, Buffer.from(request, "latin1"));
        expect([key, statusOf(answer)]).toEqual([key, 400]);
      }
      expect(calls).toEqual([]);
    },
  );

  test.each(["key", "prefix"])(
    "%s in a body, a form field or a query is refused like one in a path",
    async (what) => {
      calls.length = 0;
      const decoded = hostileTargets.flatMap((key) => {
        try {
          return [decodeURIComponent(key)];
        } catch {
          return [];
        }
      });
      const cases = decoded.filter(
        (key) => what === "key" || !/^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*\/$/.test(key),
      );
      for (const key of cases) {
        const asked = what === "key" ? [await sign(key), await uploadForm(key)] : [await list(key)];
        for (const answer of asked) expect([key, answer.status]).toEqual([key, 400]);
      }
      expect(calls).toEqual([]);
    },
  );

  const sign = (key: string) =>
    call(service.port, {
      method: "POST",
      path: "/_storage/sign",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ key }),
    });
  const list = (prefix: string) =>
    call(service.port, { path: `/_storage/list?prefix=${encodeURIComponent(prefix)}` });
  const uploadForm = (key: string) =>
    call(service.port, {
      method: "POST",
      path: "/_storage/upload",
      headers: { "content-type": "multipart/form-data; boundary=b" },
      body: `--b\r\nContent-Disposition: form-data; name="key"\r\n\r\n${key}\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nx\r\n--b--\r\n`,
    });

  test.each(["[]", "{}", "1", "null", "true", '["a"]', '{"a":1}'])(
    "sign refuses the key %s",
    async (json) => {
      const body = `{"key":${json}}`;
      const headers = { "content-type": "application/json" };
      const answer = await call(service.port, { method: "POST", path: "/_storage/sign", headers, body });
      expect(answer.status).toBe(400);
    },
  );

  test("words of the language and of the routes are ordinary keys", async () => {
    for (const key of [
      "__proto__",
      "constructor",
      "toString",
      "list",
      "metadata",
      "1e99",
      "007",
      "a.meta.json",
      "x.tmp",
    ]) {
      const put = await call(service.port, { method: "PUT", path: `/_storage/files/${key}`, body: key });
      expect(put.json()).toMatchObject({ key, size: key.length });
      const got = await call(service.port, { path: `/_storage/download/${key}` });
      expect(got.text).toBe(key);
    }
  });

  test("nothing but those objects is there", async () => {
    const listed = await call(service.port, { path: "/_storage/list" });
    expect(listed.json().count).toBe(9);
    if (made.basePath === undefined) return;
    const names = await readdir(made.basePath);
    expect(names.filter((name) => name !== ".svc-infra")).toHaveLength(9);
  });
});
