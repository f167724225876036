import Fastify from "fastify";
import { addStorage } from "svc-infra";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterEach, expect, it, vi } from "vitest";

afterEach(() => void vi.useRealTimers());

async function service() {
  const app = Fastify();
  const storage = await addStorage(app, new MemoryBackend(), {
    authorize: "open",
    serveFiles: true,
    publicFiles: {},
  });
  await storage.put("a.txt", "a");
  await storage.put("public/a.txt", "public");
  const headers = { host: "localhost" };
  const sign = (payload: object) => app.inject({ method: "POST", url: "/_storage/sign", headers, payload });
  const get = (url: string) => app.inject({ url: new URL(url).pathname + new URL(url).search, headers });
  return { app, sign, get };
}

it("the sign route gives the same URL for a window, and tells when that URL ends", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 0, 1, 0, 10) });
  const { app, sign, get } = await service();
  const options = { key: "a.txt", expiresIn: 60, stableFor: 3600 };
  const first = (await sign(options)).json();
  expect(first.expiresAt).toBe("2026-01-01T01:01:00.000Z");
  vi.setSystemTime(Date.UTC(2026, 0, 1, 0, 59, 59));
  expect((await sign(options)).json()).toEqual(first);
  vi.setSystemTime(Date.UTC(2026, 0, 1, 1, 0, 59));
  expect((await sign(options)).json()).not.toEqual(first);
  expect((await get(first.url)).statusCode).toBe(200);
  vi.setSystemTime(Date.UTC(2026, 0, 1, 1, 1, 1));
  expect((await get(first.url)).statusCode).toBe(403);
  await app.close();
});

it("the sign route signs cacheControl, and gives public files their permanent URL", async () => {
  const { app, sign, get } = await service();
  const cached = (await sign({ key: "a.txt", cacheControl: "private, max-age=60" })).json();
  expect((await get(cached.url)).headers["cache-control"]).toBe("private, max-age=60");
  const permanent = (await sign({ key: "public/a.txt", public: true })).json();
  expect(permanent.expiresAt).toBeNull();
  expect(new URL(permanent.url).search).toBe("");
  expect((await get(permanent.url)).body).toBe("public");
  await app.close();
});

it("the sign route refuses what getUrl refuses, and names it", async () => {
  const { app, sign } = await service();
  for (const [payload, code, words] of [
    [{ key: "a.txt", stableFor: 0 }, "invalid_argument", /stableFor/],
    [{ key: "a.txt", cacheControl: "a\nb" }, "invalid_argument", /cacheControl/],
    [{ key: "a.txt", public: true }, "invalid_argument", /public/],
    [{ key: "public/a.txt", public: true, expiresIn: 60 }, "invalid_argument", /expiresIn/],
    [{ key: "a.txt", stablefor: 60 }, "bad_request", /stablefor/],
  ] as const) {
    const answer = await sign(payload);
    expect(answer.json(), JSON.stringify(payload)).toMatchObject({ status: 400, code });
    expect(answer.body).toMatch(words);
  }
  await app.close();
});
