import { once } from "node:events";
import http from "node:http";
import type { OpenedObject, StorageBackend } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { expect, test } from "vitest";
import { call, pathOf, type Service, startService } from "./service.js";

/** A backend whose bodies come in pieces that the test hands out. */
function slowBackend(piece: (index: number) => Promise<Uint8Array>, closed: () => void): StorageBackend {
  const inner = new MemoryBackend();
  return new Proxy<StorageBackend>(inner, {
    get(target, name) {
      if (name !== "read") {
        const value = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      }
      return async (...given: Parameters<StorageBackend["read"]>): Promise<OpenedObject> => {
        const opened = await target.read(...given);
        const stat = { ...opened.stat, size: 1_000_000_000, checksum: undefined };
        return {
          ...opened,
          stat,
          start: 0,
          end: stat.size,
          bytes: undefined,
          body: (async function* () {
            for (let index = 0; ; index += 1) yield await piece(index);
          })(),
          close: async () => closed(),
        };
      };
    },
  });
}

async function serviceWithFile(backend: StorageBackend): Promise<Service> {
  const service = await startService({ backend });
  await service.storage.put("f.bin", "x");
  return service;
}

test("a client that leaves ends the read, although the backend never answers again", async () => {
  let isClosed = false;
  const never = new Promise<Uint8Array>(() => undefined);
  const piece = (index: number) => (index === 0 ? Promise.resolve(new Uint8Array(65536)) : never);
  const service = await serviceWithFile(
    slowBackend(piece, () => {
      isClosed = true;
    }),
  );
  const request = http.get({
    port: service.port,
    host: "127.0.0.1",
    path: "/_storage/download/f.bin",
    agent: false,
  });
  const [response] = await once(request, "response");
  await once(response, "data");
  expect(isClosed).toBe(false);
  request.destroy();
  await expect.poll(() => isClosed, { timeout: 10_000 }).toBe(true);
  await service.close();
});

test("a client that does not read stops the read", async () => {
  let pieces = 0;
  const piece = async () => {
    pieces += 1;
    return new Uint8Array(65536);
  };
  const service = await serviceWithFile(slowBackend(piece, () => undefined));
  const request = http.get({
    port: service.port,
    host: "127.0.0.1",
    path: "/_storage/download/f.bin",
    agent: false,
  });
  const [response] = await once(request, "response");
  response.pause();
  await expect
    .poll(async () => {
      const before = pieces;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return pieces - before;
    })
    .toBe(0);
  expect(pieces * 65536).toBeLessThan(50_000_000);
  request.destroy();
  await service.close();
});

test("a read that fails at once is 500 without details; one that fails later cuts the connection", async () => {
  let failAt = 0;
  const piece = async (index: number) => {
    if (index === failAt) throw new Error("disk /secret/path is broken");
    return new Uint8Array(65536);
  };
  const service = await serviceWithFile(slowBackend(piece, () => undefined));
  const early = await call(service.port, { path: "/_storage/download/f.bin" });
  expect([early.status, early.headers["content-type"]]).toEqual([500, "application/problem+json"]);
  expect(early.text).not.toContain("secret");
  for (const name of ["etag", "content-disposition", "accept-ranges", "last-modified"]) {
    expect(early.headers[name]).toBeUndefined();
  }
  failAt = 3;
  await expect(call(service.port, { path: "/_storage/download/f.bin" })).rejects.toThrow();
  await service.close();
});

test.each([
  ["a.png", "image/png", "inline"],
  ["a.jpg", "image/jpeg", "inline"],
  ["a.txt", "text/plain; charset=utf-8", "inline"],
  ["a.mp4", "VIDEO/MP4", "inline"],
  ["a.html", "text/html", "attachment"],
  ["a.svg", "image/svg+xml", "attachment"],
  ["a.xml", "application/xml", "attachment"],
  ["a.pdf", "application/pdf", "attachment"],
  ["a.js", "text/javascript", "attachment"],
  ["a.png", "image/png+xml", "attachment"],
  ["a", "application/octet-stream", "attachment"],
])("%s of %s is served %s, and can run nowhere", async (filename, contentType, kind) => {
  const service = await startService();
  const { url } = await service.storage.put("dir/k", "<script>", { contentType, filename });
  for (const path of [pathOf(String(url)), "/_storage/download/dir/k"]) {
    for (const method of ["GET", "HEAD"]) {
      const { headers } = await call(service.port, { path, method });
      expect(headers["content-disposition"]).toBe(`${kind}; filename="${filename}"`);
      expect(headers["content-type"]).toBe(contentType);
      expect(headers["x-content-type-options"]).toBe("nosniff");
      expect(headers["referrer-policy"]).toBe("no-referrer");
      expect(headers["content-security-policy"]).toBe("default-src 'none'; sandbox; frame-ancestors 'none'");
      expect(headers["cross-origin-resource-policy"]).toBeDefined();
      expect(headers["cache-control"]).toMatch(/^private/);
    }
  }
  await service.close();
});

test("an object that is replaced between its conditions and its bytes is served whole, as one version", async () => {
  const inner = new MemoryBackend();
  let replace = 1;
  const service = await startService({
    wrap: () =>
      new Proxy<StorageBackend>(inner, {
        get(target, name) {
          const value = Reflect.get(target, name, target);
          if (name !== "read") return typeof value === "function" ? value.bind(target) : value;
          return async (...given: Parameters<StorageBackend["read"]>) => {
            if (replace-- > 0) await service.storage.put("v.txt", "second");
            return target.read(...given);
          };
        },
      }),
  });
  await service.storage.put("v.txt", "first");
  const headers = { "if-none-match": '"other"', range: "bytes=0-2" };
  const answer = await call(service.port, { path: "/_storage/download/v.txt", headers });
  expect([answer.status, answer.text]).toEqual([206, "sec"]);
  expect(answer.headers.etag).toBe(`"${(await service.storage.getMetadata("v.txt")).etag}"`);
  await service.close();
});

test("a conditional GET costs one call to the backend, and a signed one asks for no signer", async () => {
  const calls: string[] = [];
  const count = (inner: StorageBackend) =>
    new Proxy(inner, {
      get(target, name) {
        const value = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return (...given: unknown[]) => {
          calls.push(String(name));
          return Reflect.apply(value, target, given);
        };
      },
    });
  const service = await startService({ wrap: count });
  const { url, etag } = await service.storage.put("k.txt", "content");
  const path = pathOf(String(url));
  const later = new Date(Date.now() + 60_000).toUTCString();
  const table = [
    [{}, 200, ["read"]],
    [{ "if-none-match": `"${etag}"` }, 304, ["stat"]],
    [{ "if-modified-since": later }, 304, ["stat"]],
    [{ "if-match": `"${etag}"` }, 200, ["read"]],
    [{ "if-unmodified-since": later }, 200, ["read"]],
    [{ "if-range": `"${etag}"`, range: "bytes=0-1" }, 206, ["read"]],
  ] as const;
  for (const [headers, status, expected] of table) {
    calls.length = 0;
    expect((await call(service.port, { path, headers })).status).toBe(status);
    expect([headers, calls]).toEqual([headers, expected]);
  }
  await service.close();
});

test("what a provider's ETag or type may hold breaks no header", async () => {
  const inner = new MemoryBackend();
  const service = await startService({
    wrap: () =>
      new Proxy<StorageBackend>(inner, {
        get(target, name) {
          const value = Reflect.get(target, name, target);
          if (name !== "read") return typeof value === "function" ? value.bind(target) : value;
          return async (...given: Parameters<StorageBackend["read"]>) => {
            const opened = await target.read(...given);
            const odd = {
              etag: 'a"b\r\nX: y',
              contentType: "te xt\r\n/ü",
              filename: 'ü"\\\r\n\u202e%41.txt',
            };
            return { ...opened, stat: { ...opened.stat, ...odd } };
          };
        },
      }),
  });
  await service.storage.put("o", "x");
  const answer = await call(service.port, { path: "/_storage/download/o" });
  expect(answer.status).toBe(200);
  expect(answer.headers.etag).toBeUndefined();
  expect(answer.headers["content-type"]).toBe("application/octet-stream");
  expect(answer.headers["content-disposition"]).toMatch(
    /^attachment; filename="[\x20-\x7e]*"; filename\*=UTF-8''/,
  );
  await service.close();
});
