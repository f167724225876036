import { randomBytes } from "node:crypto";
import { safeKey } from "svc-infra/storage";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Served, serve } from "./served.js";
import type { ServedBackend } from "./served-backends.js";
import { call } from "./service.js";

const boundary = "----svc-infra-test";

function form(parts: readonly (readonly [header: string, content: string | Uint8Array])[]): Buffer {
  const pieces = parts.flatMap(([header, content]) => [
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; ${header}\r\n\r\n`),
    Buffer.from(content as string),
    Buffer.from("\r\n"),
  ]);
  return Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)]);
}

const formHeaders = { "content-type": `multipart/form-data; boundary=${boundary}` };

/** When a signed URL ends, in seconds since 1970: as the kit's own say it, and those of providers. */
function expiryOf({ searchParams }: URL): number {
  const own = searchParams.get("expires");
  if (own !== null) return Number(own);
  const unixTime = searchParams.get("expires_at");
  if (unixTime !== null) return Number(unixTime);
  const ofAzure = searchParams.get("se");
  if (ofAzure !== null) return Date.parse(ofAzure) / 1000;
  const vendor = searchParams.has("X-Goog-Date") ? "X-Goog" : "X-Amz";
  const [, date = "", time = ""] =
    /^([0-9]{8}T)([0-9]{6}Z)$/.exec(searchParams.get(`${vendor}-Date`) ?? "") ?? [];
  const signed = `${date.replace(/(.{4})(..)(..)/, "$1-$2-$3")}${time.replace(/(..)(..)(..)/, "$1:$2:$3")}`;
  return Date.parse(signed) / 1000 + Number(searchParams.get(`${vendor}-Expires`));
}

/** The scenarios A22-01 to A22-05, with everything that a caller sees of them, on `svc-infra serve` on a backend. */
export function runA22(backend: ServedBackend): void {
  describe(backend.type, () => runScenarios(backend));
}

function runScenarios(backend: ServedBackend): void {
  let service: Served;

  beforeAll(async () => {
    service = await serve(backend, { STORAGE_MAX_UPLOAD_BYTES: "100000000" });
  });
  afterAll(() => service?.stop());

  function upload(parts: Parameters<typeof form>[0], headers = {}) {
    return call(service.port, {
      method: "POST",
      path: "/_storage/upload",
      headers: { ...formHeaders, ...headers },
      body: form(parts),
    });
  }

  test("A22-01: an upload returns a URL, and download and URL return the same bytes", async () => {
    const bytes = randomBytes(300_000);
    const uploaded = await upload([
      ['name="key"', "t1/docs/a.bin"],
      ['name="file"; filename="a.bin"', bytes],
    ]);
    expect(uploaded.status).toBe(200);
    const { key, url, size, etag, checksum } = uploaded.json();
    expect({ key, size }).toEqual({ key: "t1/docs/a.bin", size: 300_000 });
    expect(checksum).toMatch(/^crc32:[0-9a-f]{8}$/);
    expect(uploaded.headers.etag).toBe(`"${etag}"`);
    const downloaded = await call(service.port, { path: "/_storage/download/t1/docs/a.bin" });
    expect(downloaded.status).toBe(200);
    expect(downloaded.body.equals(bytes)).toBe(true);
    const served = await fetch(String(url));
    expect(served.status).toBe(200);
    expect(Buffer.from(await served.arrayBuffer()).equals(bytes)).toBe(true);
  });

  test("A22-01: 80 MB, and nothing at all", async () => {
    const big = randomBytes(80_000_000);
    const uploaded = await upload([['name="file"; filename="big.bin"', big]]);
    expect(uploaded.json()).toMatchObject({ key: "big.bin", size: 80_000_000 });
    const downloaded = await call(service.port, { path: "/_storage/download/big.bin" });
    expect(downloaded.body.equals(big)).toBe(true);

    const empty = await upload([['name="file"; filename="empty.txt"', ""]]);
    expect(empty.json()).toMatchObject({ key: "empty.txt", size: 0 });
    const none = await call(service.port, { path: "/_storage/download/empty.txt" });
    expect([none.status, none.headers["content-length"], none.text]).toEqual([200, "0", ""]);
  });

  test.each([
    ['name="file"; filename="請求書 2024年.pdf"'],
    ['name="file"; filename="x.pdf"; filename*=UTF-8\'\'%E8%AB%8B%E6%B1%82%E6%9B%B8%202024%E5%B9%B4.pdf'],
  ])("A22-01: a file named in Japanese keeps its name: %s", async (header) => {
    const uploaded = await upload([
      ['name="key"', "invoice.pdf"],
      [header, "%PDF-1.7"],
    ]);
    expect(uploaded.status).toBe(200);
    const downloaded = await call(service.port, { path: "/_storage/download/invoice.pdf" });
    const encoded = encodeURIComponent("請求書 2024年.pdf");
    expect(downloaded.headers["content-disposition"]).toBe(
      `attachment; filename="_ 2024_.pdf"; filename*=UTF-8''${encoded}`,
    );
    expect(downloaded.headers["content-type"]).toBe("application/pdf");
    const named = await upload([[header, "x"]]);
    expect(named.json().key).toBe(safeKey("請求書 2024年.pdf"));
  });

  test("A22-03: backend-info names the backend and says why", async () => {
    const info = await call(service.port, { path: "/_storage/backend-info" });
    expect(info.status).toBe(200);
    const { name, type } = backend;
    expect(info.json()).toMatchObject({ backend: name, type, reason: `STORAGE_BACKEND is '${type}'` });
  });

  test("A22-04: a deleted object is gone, and deleting it again is 404", async () => {
    await upload([['name="file"; filename="gone.txt"', "gone"]]);
    const first = await call(service.port, { method: "DELETE", path: "/_storage/files/gone.txt" });
    expect([first.status, first.text]).toEqual([204, ""]);
    const again = await call(service.port, { method: "DELETE", path: "/_storage/files/gone.txt" });
    expect(again.json().detail).toBe("there is no object 'gone.txt'");
    const download = await call(service.port, { path: "/_storage/download/gone.txt" });
    const metadata = await call(service.port, { path: "/_storage/metadata/gone.txt" });
    for (const answer of [again, download, metadata]) {
      expect([answer.status, answer.headers["content-type"], answer.json().code]).toEqual([
        404,
        "application/problem+json",
        "not_found",
      ]);
    }
  });

  test("A22-05: metadata is stored and returned, from fields and from headers", async () => {
    await upload(
      [
        ['name="meta.author"', "Åsa"],
        ['name="file"; filename="m.txt"', "m"],
      ],
      { "x-meta-project": "apollo" },
    );
    const metadata = await call(service.port, { path: "/_storage/metadata/m.txt" });
    const { etag, lastModified, ...others } = metadata.json();
    expect(others).toEqual({
      key: "m.txt",
      size: 1,
      contentType: "text/plain; charset=utf-8",
      filename: "m.txt",
      checksum: "crc32:e101f268",
      cacheControl: null,
      contentEncoding: null,
      contentDisposition: null,
      contentLanguage: null,
      metadata: { author: "Åsa", project: "apollo" },
    });
    expect(new Date(String(lastModified)).getTime()).toBeLessThanOrEqual(Date.now());
    expect(etag).toMatch(/^[\x21\x23-\x7e]+$/);
  });

  test("A22-05: every overwrite has another strong ETag, also with the same bytes", async () => {
    const put = () => call(service.port, { method: "PUT", path: "/_storage/files/same.txt", body: "same" });
    const read = (headers: Record<string, string>) =>
      call(service.port, { path: "/_storage/download/same.txt", headers });
    const [first, second] = [await put(), await put()];
    const [old = "", now = ""] = [first.headers.etag, second.headers.etag];
    expect(old).toMatch(/^"[\x21\x23-\x7e]+"$/);
    expect(now).not.toBe(old);
    expect((await read({})).headers.etag).toBe(now);
    expect((await call(service.port, { path: "/_storage/metadata/same.txt" })).json().etag).toBe(
      now.slice(1, -1),
    );
    expect((await read({ "if-none-match": now })).status).toBe(304);
    expect((await read({ "if-none-match": old })).text).toBe("same");
    expect((await read({ "if-match": old })).status).toBe(412);
    expect((await read({ "if-match": now, range: "bytes=1-2" })).text).toBe("am");
  });

  test("A22-05: listing filters by prefix, pages by cursor and ends", async () => {
    for (const name of ["p/a", "p/b", "p/c", "q/a"]) {
      await call(service.port, { method: "PUT", path: `/_storage/files/${name}`, body: name });
    }
    const first = await call(service.port, { path: "/_storage/list?prefix=p/&limit=2" });
    expect(first.json()).toMatchObject({ keys: ["p/a", "p/b"], count: 2 });
    const cursor = encodeURIComponent(String(first.json().cursor));
    const second = await call(service.port, { path: `/_storage/list?prefix=p/&limit=2&cursor=${cursor}` });
    expect(second.json()).toEqual({ keys: ["p/c"], count: 1, cursor: null });
  });

  test("a bare body is stored under ?key= and by PUT", async () => {
    const posted = await call(service.port, {
      method: "POST",
      path: "/_storage/upload?key=raw/one.bin",
      headers: { "content-type": "application/x-thing" },
      body: "one",
    });
    expect(posted.json()).toMatchObject({ key: "raw/one.bin", size: 3, contentType: "application/x-thing" });
    const put = await call(service.port, {
      method: "PUT",
      path: "/_storage/files/raw/one.bin",
      body: "three",
    });
    expect(put.json()).toMatchObject({ key: "raw/one.bin", size: 5 });
    expect(put.json().etag).not.toBe(posted.json().etag);
  });

  test("sign answers a URL that works, as an attachment if asked", async () => {
    await upload([['name="file"; filename="s.png"', Buffer.from("\x89PNG\r\n\x1a\n", "latin1")]]);
    const before = Math.floor(Date.now() / 1000);
    const signed = await call(service.port, {
      method: "POST",
      path: "/_storage/sign",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ key: "s.png", expiresIn: 60, download: true }),
    });
    expect(signed.status).toBe(200);
    const { url, expiresAt } = signed.json();
    const told = Date.parse(String(expiresAt)) / 1000;
    expect(told).toBeGreaterThanOrEqual(before + 60);
    expect(told).toBeLessThanOrEqual(expiryOf(new URL(String(url))));
    const served = await fetch(String(url));
    expect(served.status).toBe(200);
    expect(served.headers.get("content-disposition")).toBe('attachment; filename="s.png"');
  });
}
