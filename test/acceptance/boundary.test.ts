import { MemoryBackend } from "svc-infra/storage/memory";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Call, call, pathOf, type Service, sendRaw, startService } from "./service.js";

const evil = { "sec-fetch-site": "cross-site", origin: "https://evil.example" };
const json = { "content-type": "application/json" };

const unsafe: readonly Call[] = [
  { method: "POST", path: "/_storage/upload?key=k", body: "x" },
  { method: "PUT", path: "/_storage/files/k", body: "x" },
  { method: "DELETE", path: "/_storage/files/kept" },
  { method: "POST", path: "/_storage/sign", headers: json, body: '{"key":"kept"}' },
];
const reads: readonly Call[] = [
  { path: "/_storage/list" },
  { path: "/_storage/download/kept" },
  { path: "/_storage/metadata/kept" },
  { path: "/_storage/backend-info" },
];

describe.each(["open", "by cookie"])("a service whose callers are let in %s", (kind) => {
  let service: Service;
  beforeAll(async () => {
    const authorize = kind === "open" ? "open" : ({ headers }: { headers: object }) => "cookie" in headers;
    service = await startService({ authorize, allowOrigins: ["https://app.example.com"] });
    await service.storage.put("kept", "kept");
  });
  afterAll(() => service.close());
  const ask = (each: Call, headers: Record<string, string>) =>
    call(service.port, { ...each, headers: { cookie: "session=1", ...each.headers, ...headers } });

  test.each(unsafe)("refuses a page of another origin: $method $path", async (each) => {
    for (const headers of [evil, { origin: "null" }, { "sec-fetch-site": "cross-site" }]) {
      const answer = await ask(each, headers);
      expect([answer.status, answer.json().code]).toEqual([403, "cross_site"]);
    }
    expect(await service.storage.exists("kept")).toBe(true);
    expect(await service.storage.exists("k")).toBe(false);
  });

  test("takes its own pages, allowed origins, and clients that are no browser", async () => {
    const put = { method: "PUT", path: "/_storage/files/new", body: "x" };
    const own = { "sec-fetch-site": "same-origin", origin: `http://127.0.0.1:${service.port}` };
    for (const headers of [{}, own, { ...evil, origin: "https://app.example.com" }]) {
      expect((await ask(put, headers)).status).toBe(200);
    }
  });

  test("serves and takes signed URLs for any page", async () => {
    const { url } = await service.storage.put("shown", "shown", { contentType: "text/plain" });
    const answer = await ask({ path: pathOf(String(url)) }, evil);
    expect([answer.status, answer.text]).toEqual([200, "shown"]);
    expect(answer.headers["cross-origin-resource-policy"]).toBe("cross-origin");
    const upload = await service.storage.getUploadUrl("sent", { contentType: "text/plain" });
    const headers = { ...evil, "content-type": "text/plain" };
    expect((await ask({ method: "PUT", path: pathOf(upload), body: "x" }, headers)).status).toBe(200);
  });
});

test("an open service answers to no other name, and not through a proxy; the file route does", async () => {
  const service = await startService();
  const { url } = await service.storage.put("kept", "kept");
  for (const each of [...unsafe, ...reads]) {
    const rebound = await call(service.port, { ...each, headers: { ...each.headers, host: "evil.example" } });
    expect([rebound.status, rebound.json().code]).toEqual([421, "misdirected"]);
    const proxied = await call(service.port, {
      ...each,
      headers: { ...each.headers, "x-forwarded-for": "::1" },
    });
    expect([proxied.status, proxied.json().code]).toEqual([403, "forwarded"]);
  }
  const headers = { host: "files.example.com", "x-forwarded-for": "192.0.2.1" };
  expect((await call(service.port, { path: pathOf(String(url)), headers })).status).toBe(200);
  await service.close();
});

test.each([
  [true, 200],
  [false, 421],
])(
  "an open service with serveFiles: %s answers %i to the host that its backend names",
  async (serveFiles, status) => {
    const backend = new MemoryBackend({ baseUrl: "https://files.example.com/files" });
    const service = await startService({ backend, serveFiles });
    const ask = (host: string) => call(service.port, { path: "/_storage/list", headers: { host } });
    expect([(await ask("files.example.com")).status, (await ask("192.0.2.1")).status]).toEqual([status, 421]);
    await service.close();
  },
);

test("the option resourcePolicy narrows whose pages may show files; management downloads are for none", async () => {
  const service = await startService({ resourcePolicy: "same-site" });
  const { url } = await service.storage.put("k", "x");
  const policyOf = async (path: string) =>
    (await call(service.port, { path })).headers["cross-origin-resource-policy"];
  expect(await policyOf(pathOf(String(url)))).toBe("same-site");
  expect(await policyOf("/_storage/download/k")).toBe("same-origin");
  await service.close();
});

describe("forms as RFC 2046 §5.1.1 allows", () => {
  const form = (body: string): Call => ({
    method: "POST",
    path: "/_storage/upload",
    headers: { "content-type": "multipart/form-data; boundary=b" },
    body: Buffer.from(body, "latin1"),
  });
  const field = (name: string, rest: string) => `Content-Disposition: form-data; name="${name}"${rest}`;
  const file = `${field("file", '; filename="f.txt"')}\r\n\r\nfile`;

  test.each([
    [
      "blanks behind delimiters",
      `--b \t\r\n${field("key", "\r\n\r\nk")}\r\n--b  \r\n${file}\r\n--b--  `,
      "file",
    ],
    ["a field without a body", `--b\r\n${field("x", "\r\n")}\r\n--b\r\n${file}\r\n--b--`, "file"],
    ["an empty file", `--b\r\n${field("file", '; filename="f.txt"')}\r\n\r\n\r\n--b--`, ""],
    ["a file without a body", `--b\r\n${field("file", '; filename="f.txt"')}\r\n\r\n--b--`, ""],
    ["a preamble and an epilogue", `before\r\n--b\r\n${file}\r\n--b--\r\nbehind\r\n--b\r\n`, "file"],
    ["content that nearly ends", `--b\r\n${file}\r\n--\r\n-b\r\n--b--`, "file\r\n--\r\n-b"],
  ])("%s", async (_name, body, content) => {
    const service = await startService();
    const answer = await call(service.port, form(body));
    expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
    expect(Buffer.from(await service.storage.get(String(answer.json().key))).toString()).toBe(content);
    await service.close();
  });

  test.each([
    ["text behind a delimiter", `--bx\r\n${file}\r\n--b--`, 400],
    ["no last delimiter", `--b\r\n${file}\r\n--b\r\n`, 400],
    ["a header without a colon", `--b\r\nfile\r\n\r\nx\r\n--b--`, 400],
    ["a preamble over its limit", `${"x".repeat(300_000)}\r\n--b\r\n${file}\r\n--b--`, 413],
    ["an epilogue over its limit", `--b\r\n${file}\r\n--b--${"x".repeat(300_000)}`, 413],
    ["blanks over their limit", `--b${" ".repeat(300_000)}\r\n${file}\r\n--b--`, 413],
  ])("but not %s", async (_name, body, status) => {
    const service = await startService({ maxUploadBytes: 1_000_000 });
    const answer = await call(service.port, form(body));
    expect([answer.status, answer.headers["content-type"]]).toEqual([status, "application/problem+json"]);
    expect(await service.storage.listKeys()).toEqual([]);
    await service.close();
  });

  test("file names and metadata with a replacement character arrive as they were sent", async () => {
    const service = await startService();
    const named = field("file", `; filename="a\ufffdü.txt"`);
    const body = Buffer.from(`--b\r\n${named}\r\n\r\nx\r\n--b--`);
    const headers = { ...form("").headers, "x-meta-note": Buffer.from("a\ufffdü").toString("latin1") };
    const answer = await call(service.port, { ...form(""), headers, body });
    expect(answer.status).toBe(200);
    const { filename, metadata } = await service.storage.getMetadata(String(answer.json().key));
    expect([filename, metadata]).toEqual(["a\ufffdü.txt", { note: "a\ufffdü" }]);
    await service.close();
  });

  test("in pieces of every size are the same form", async () => {
    const service = await startService();
    const body = `--b\r\n${field("key", "\r\n\r\nk")}\r\n--b\r\n${file}\r\n--b--`;
    const head = `POST /_storage/upload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n`;
    for (const size of [1, 2, 3, 5, 7, 11]) {
      const pieces = body.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
      const chunks = pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join("");
      expect(await sendRaw(service.port, `${head}${chunks}0\r\n\r\n`)).toMatch(/^HTTP\/1\.1 200/);
      expect(Buffer.from(await service.storage.get("k")).toString()).toBe("file");
    }
    await service.close();
  });
});
