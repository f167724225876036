import { createServer } from "node:http";
import { type Key, type ListPageOptions, parseKey, Storage } from "svc-infra/storage";
import { S3Backend, type S3BackendOptions } from "svc-infra/storage/s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { copyObject } from "#dist/storage/backends/s3/copy.js";
import { encodeWord } from "#dist/storage/backends/s3/headers/encoded-word.js";
import { keptHeaders } from "#dist/storage/backends/s3/headers/kept-headers.js";
import { openAccess } from "#dist/storage/backends/s3/options.js";
import { oddPieces, sampleBytes } from "#dist/storage/conformance/samples.js";
import { startCeph } from "../../rigs/ceph.js";
import { startFaultProxy } from "../../rigs/fault-proxy.js";
import type { S3Rig } from "../../rigs/s3-rig.js";

let rig: S3Rig;
const opened: Storage[] = [];
const anySource = { sourceIfMatch: undefined, signal: undefined };
const mebibyte = 1_048_576;

beforeAll(async () => {
  rig = await startCeph();
  await rig.createBucket("objects");
});

afterAll(async () => {
  await Promise.all(opened.map((storage) => storage.close()));
  await rig.stop();
});

function optionsOf(options: Partial<S3BackendOptions> = {}): S3BackendOptions {
  const { endpoint, region, accessKey, secretKey } = rig;
  return { endpoint, region, accessKey, secretKey, bucket: "objects", provider: "ceph", ...options };
}

function storageOf(options: Partial<S3BackendOptions> = {}): Storage {
  const storage = new Storage(new S3Backend(optionsOf(options)));
  opened.push(storage);
  return storage;
}

/** How many uploads in parts the bucket has that are neither complete nor dropped. */
async function uploadsLeft(): Promise<number> {
  const { client } = openAccess(optionsOf());
  const { body } = await client.send({ method: "GET", query: [["uploads", ""]], signal: undefined });
  await client.close();
  return body.toString().split("<UploadId>").length - 1;
}

/** Puts an object as another tool would: any name, any headers. */
async function putForeign(key: string, headers: Record<string, string> = {}, content = ""): Promise<void> {
  const { client } = openAccess(optionsOf());
  const payload = { size: content.length, pieces: [Buffer.from(content)] };
  await client.send({ method: "PUT", key, headers, payload, signal: undefined });
  await client.close();
}

/** The headers of an object, as another tool sees them. */
async function headersOf(key: string): Promise<Readonly<Record<string, string | undefined>>> {
  const { client } = openAccess(optionsOf());
  const { headers } = await client.send({ method: "HEAD", key, signal: undefined });
  await client.close();
  return headers;
}

/** All entries, from pages that are as long as asked but for the last one. */
async function listed(storage: Storage, options: ListPageOptions & { readonly limit: number }) {
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await storage.list({ ...options, cursor });
    const entries = [...page.items.map((item) => item.key), ...page.prefixes].sort();
    cursor = page.cursor;
    expect(entries.length).toBeLessThanOrEqual(options.limit);
    if (cursor !== undefined) expect(entries).toHaveLength(options.limit);
    found.push(...entries);
  } while (cursor !== undefined);
  return found;
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield Buffer.alloc(65_536, 1);
}

async function* breakingAfter(bytes: number): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < bytes; sent += 65_536) yield Buffer.alloc(65_536, 1);
  throw new Error("the source broke");
}

describe("content larger than a part", () => {
  const bytes = sampleBytes(20 * mebibyte + 17);

  it("comes back as it was, from a stream and from memory, with another ETag each time", async () => {
    const storage = storageOf();
    const first = await storage.put("large", oddPieces(bytes), { metadata: { a: "1" } });
    const second = await storage.put("large", bytes, { metadata: { a: "1" } });
    expect(Buffer.compare(await storage.get("large"), bytes)).toBe(0);
    expect(first.etag).not.toBe(second.etag);
    expect(first).toMatchObject({ size: bytes.length, metadata: { a: "1" } });
    expect(await uploadsLeft()).toBe(0);
  });

  it("leaves nothing when its source breaks half-way, or when its signal fires", async () => {
    const storage = storageOf();
    await expect(storage.put("broken", breakingAfter(30 * mebibyte))).rejects.toMatchObject({
      code: "source_failed",
    });
    const controller = new AbortController();
    const put = storage.put("aborted", endless(), { signal: controller.signal });
    setTimeout(() => controller.abort(), 300);
    await expect(put).rejects.toMatchObject({ code: "aborted" });
    expect(await uploadsLeft()).toBe(0);
    expect(await storage.exists("broken")).toBe(false);
    expect(await storage.exists("aborted")).toBe(false);
  });

  it("leaves nothing when the service refuses a part", async () => {
    const proxy = await startFaultProxy(rig.endpoint);
    const storage = storageOf({ endpoint: proxy.endpoint });
    proxy.plan.mix(1, (_random, { url }) =>
      url?.includes("partNumber=2") ? { kind: "answer", status: 503 } : undefined,
    );
    const put = storage.put("refused", oddPieces(bytes));
    await expect(put).rejects.toMatchObject({ code: "unavailable" });
    expect(await uploadsLeft()).toBe(0);
    await proxy.stop();
  });

  it("is written under a condition when its size is known, and else refused before a byte is sent", async () => {
    const storage = storageOf();
    const options = { ifAbsent: true, size: bytes.length };
    await storage.put("conditional", oddPieces(bytes), options);
    expect(Buffer.compare(await storage.get("conditional"), bytes)).toBe(0);
    await expect(storage.put("conditional", oddPieces(bytes), options)).rejects.toMatchObject({
      code: "precondition_failed",
    });
    await expect(storage.put("other", oddPieces(bytes), { ifAbsent: true })).rejects.toMatchObject({
      code: "unsupported",
    });
    expect(await storage.exists("other")).toBe(false);
  });

  it("is copied in parts when it is too large for one request", async () => {
    const storage = storageOf();
    await storage.put("from", bytes, { filename: "名前.bin", metadata: { a: "ü" } });
    const access = { ...openAccess(optionsOf()), copiedAtOnceBytes: 1, copiedPartBytes: 6 * mebibyte };
    const conditions = { ...anySource, ifAbsent: false, ifMatch: undefined };
    await copyObject(access, key("from"), key("to"), conditions);
    await access.client.close();
    expect(Buffer.compare(await storage.get("to"), bytes)).toBe(0);
    expect(await storage.getMetadata("to")).toMatchObject({ filename: "名前.bin", metadata: { a: "ü" } });
  });
});

function key(text: string): Key {
  return parseKey(text);
}

describe("what other tools stored", () => {
  it("is passed over in listings when its name cannot be a key, and pages stay whole", async () => {
    const storage = storageOf();
    const ours = ["f/007", "f/0x10", "f/1e5", "f/sub/x", "f/true", "f/zz"];
    const foreign = ["f/ a ", "f/a&b", "f/a&amp;b", "f/a//b", "f/folder/", "f/ü", "f/\u{10000}", "f/s b/x"];
    for (const name of foreign) await putForeign(name);
    for (const name of ours) await storage.put(name, "content");
    const rolledUp = ["f/007", "f/0x10", "f/1e5", "f/a/", "f/folder/", "f/sub/", "f/true", "f/zz"];
    for (let limit = 1; limit <= 9; limit++) {
      expect(await listed(storage, { prefix: "f/", limit })).toEqual(ours);
      expect(await listed(storage, { prefix: "f/", limit, delimiter: "/" })).toEqual(rolledUp);
    }
  });

  it("costs few requests to pass over, however short the page", async () => {
    const proxy = await startFaultProxy(rig.endpoint);
    const storage = storageOf({ endpoint: proxy.endpoint });
    for (let index = 0; index < 100; index++) await putForeign(`many/ ${index}`);
    await putForeign("many/ours");
    proxy.visits.length = 0;
    expect(await storage.listKeys({ prefix: "many/", limit: 1 })).toEqual(["many/ours"]);
    expect(proxy.visits).toHaveLength(3);
    await proxy.stop();
  });

  it("is described by its headers", async () => {
    await putForeign("described", {
      "content-type": "image/png",
      "content-disposition": "attachment; filename*=UTF-8''%E5%90%8D.png",
      "x-amz-meta-plain": "100%25 as it is",
      "x-amz-meta-word": "=?UTF-8?Q?caf=C3=A9_noir?=",
      "x-amz-meta-split": encodeWord("a\r\nset-cookie: b"),
      "x-amz-meta-dotted.name": "x",
    });
    const { contentType, filename, metadata, checksum } = await storageOf().getMetadata("described");
    expect([contentType, filename, checksum]).toEqual(["image/png", "名.png", undefined]);
    expect(metadata).toEqual({ plain: "100%25 as it is", word: "café noir" });
  });
});

it.each([
  ["in one request", 100, false],
  ["in parts", 1, false],
  ["through here, under a condition", 100, true],
])("a copy %s keeps the headers that other tools gave", async (_what, copiedAtOnceBytes, ifAbsent) => {
  const headers = {
    "cache-control": "public, max-age=60",
    "content-encoding": "gzip",
    "content-language": "de",
    "content-disposition": 'attachment; filename="a b.html"',
    "x-amz-meta-owner": "u-1",
    "x-amz-meta-dotted.name": "x",
    "x-amz-meta-word": "=?UTF-8?Q?caf=C3=A9?=",
  };
  const access = { ...openAccess(optionsOf()), copiedAtOnceBytes };
  const [from, to] = [
    key(`kept/${copiedAtOnceBytes}/${ifAbsent}`),
    key(`copy/${copiedAtOnceBytes}/${ifAbsent}`),
  ];
  await putForeign(from, headers, "content");
  const copied = await copyObject(access, from, to, { ...anySource, ifAbsent, ifMatch: undefined });
  await access.client.close();
  expect(await headersOf(to)).toMatchObject(headers);
  expect(await storageOf().getMetadata(to)).toMatchObject({ ...copied, lastModified: expect.any(Date) });
});

it.each([
  ["etag", '"x"'],
  ["content-encoding", "aws-chunked"],
  ["content-language", "d\u00eb"],
  ["x-amz-meta-svc-infra", "1.x.."],
  ["x-amz-meta-svc-infra-0", "x"],
  ["x-amz-meta-blanks", "a  b"],
])("a copy does not keep %s: %s", (name, value) => {
  expect(keptHeaders({ [name]: value, "x-amz-meta-a": "b" })).toEqual({ "x-amz-meta-a": "b" });
});

it("what a browser would run is kept as an attachment, whatever the caller gave", async () => {
  const contentType = "text/html";
  await storageOf().put("plain.html", "<script>", { contentType });
  await storageOf().put("inline.html", "<script>", {
    contentType,
    contentDisposition: 'inline; filename="p.html"',
  });
  expect(await headersOf("plain.html")).toMatchObject({ "content-disposition": "attachment" });
  expect(await headersOf("inline.html")).toMatchObject({
    "content-disposition": 'attachment; filename="p.html"',
  });
});

describe("metadata that was put", () => {
  it("is plain for other tools where it is ASCII, and the name is in Content-Disposition", async () => {
    await storageOf().put("plain", "content", { filename: "a b.txt", metadata: { owner: "u-1" } });
    expect(await headersOf("plain")).toMatchObject({
      "x-amz-meta-owner": "u-1",
      "content-disposition": 'inline; filename="a b.txt"',
    });
  });

  it("that is more than the service takes is refused before anything is sent", async () => {
    const storage = storageOf({ provider: "aws" });
    const metadata = { a: "x".repeat(2040) };
    await expect(storage.put("much", "content", { metadata })).rejects.toMatchObject({
      code: "invalid_argument",
    });
    expect(await storage.exists("much")).toBe(false);
  });
});

describe("a body that is not read", () => {
  const bytes = sampleBytes(12 * mebibyte);

  it("releases its connection, and resumes in the same version when its reader comes", async () => {
    const proxy = await startFaultProxy(rig.endpoint);
    const storage = storageOf({ endpoint: proxy.endpoint, idleBodyMs: 50 });
    await storage.put("unread", bytes);
    const { body } = await storage.open("unread");
    await expect.poll(() => proxy.visits.every(({ isOver }) => isOver)).toBe(true);
    expect(Buffer.compare(await body.bytes(), bytes)).toBe(0);
    await proxy.stop();
  });

  it("ends with precondition_failed when its version is gone by then", async () => {
    const proxy = await startFaultProxy(rig.endpoint);
    const storage = storageOf({ endpoint: proxy.endpoint, idleBodyMs: 50 });
    await storage.put("replaced", bytes);
    const { body } = await storage.open("replaced");
    await expect.poll(() => proxy.visits.every(({ isOver }) => isOver)).toBe(true);
    await storage.put("replaced", sampleBytes(12 * mebibyte, 2));
    await expect(body.bytes()).rejects.toMatchObject({ code: "precondition_failed" });
    await proxy.stop();
  });
});

describe("encryption with a key that goes along", () => {
  it("gives the content to callers that have the key, and signs no URLs", async () => {
    const encryption = { type: "sse-c", key: Buffer.alloc(32, 7) } as const;
    const storage = storageOf({ encryption });
    const bytes = sampleBytes(9 * mebibyte);
    await storage.put("secret", "content");
    await storage.put("large-secret", bytes);
    expect(Buffer.from(await storage.get("secret")).toString()).toBe("content");
    expect(Buffer.compare(await storage.get("large-secret"), bytes)).toBe(0);
    await expect(storageOf().get("secret")).rejects.toThrow();
    expect(storage.capabilities).toMatchObject({ signGet: false, signPut: false });
  });
});

describe("a failure says what to look at", () => {
  it.each([
    ["a wrong secret key", { secretKey: "wrong" }, "permission_denied", /STORAGE_S3_SECRET_KEY/],
    ["an unknown access key", { accessKey: "nobody" }, "permission_denied", /STORAGE_S3_ACCESS_KEY/],
    ["a missing bucket", { bucket: "missing-bucket" }, "configuration", /STORAGE_S3_BUCKET/],
    ["a clock that is an hour off", { now: () => Date.now() - 3_600_000 }, "permission_denied", /clock/],
  ] as const)("%s", async (_what, wrong, code, message) => {
    const error: unknown = await storageOf(wrong)
      .get("any")
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(String(error)).not.toContain(rig.secretKey);
  });

  it("a missing bucket is not taken for a missing object, although HEAD does not tell", async () => {
    await expect(storageOf({ bucket: "missing-bucket" }).exists("any")).rejects.toMatchObject({
      code: "configuration",
    });
  });

  it("a port without a server", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    await new Promise((resolve) => server.close(resolve));
    const port = typeof address === "object" ? address?.port : undefined;
    const storage = storageOf({ endpoint: `http://127.0.0.1:${port}` });
    await expect(storage.get("any")).rejects.toMatchObject({ code: "unavailable" });
  });
});

it("a URL to upload what a browser would run makes an attachment, or nothing", async () => {
  const storage = storageOf();
  const url = await storage.getUploadUrl("page.html", { contentType: "text/html" });
  const put = (headers: Record<string, string>) =>
    fetch(url, { method: "PUT", headers: { "content-type": "text/html", ...headers }, body: "<script>" });
  expect((await put({})).status).toBe(403);
  expect((await put({ "content-disposition": "inline" })).status).toBe(403);
  expect(await storage.exists("page.html")).toBe(false);
  expect((await put({ "content-disposition": "attachment" })).status).toBe(200);
  const read = await fetch(await storage.getUrl("page.html"));
  expect(read.headers.get("content-disposition")).toBe("attachment");
  const shown = await storage.getUploadUrl("a.png", { contentType: "image/png" });
  const sent = await fetch(shown, { method: "PUT", headers: { "content-type": "image/png" }, body: "x" });
  expect(sent.status).toBe(200);
});
