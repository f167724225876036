import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import Fastify, { type FastifyRequest } from "fastify";
import { addStorage, getStorage, receiveUpload } from "svc-infra";
import { type MultipartUpload, type Prefix, Storage, StorageError, StorageFiles } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { clamav } from "svc-infra/storage/policy";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { stagingRoot } from "#dist/storage/contract/key.js";
import { Backoff } from "#dist/storage/layers/backoff.js";
import { copyFile } from "#dist/storage/transfer/copy-file.js";
import { call as ask, type Service, startService } from "../../acceptance/service.js";
import { infectedMarker, startClamd } from "../../rigs/clamd.js";

const baseUrl = "http://127.0.0.1:1/files";
const secrets = ["0123456789abcdef0123456789abcdef"];
const gif = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");

let clamd: Awaited<ReturnType<typeof startClamd>>;
let backend: MemoryBackend;
let service: Service;
/** The storage with the policy. */
let storage: Storage;

beforeAll(async () => {
  clamd = await startClamd();
});

afterAll(() => clamd?.stop());

async function start(socket: string, rateLimit = {}): Promise<void> {
  backend = new MemoryBackend({ baseUrl, secrets });
  const policy = {
    maxBytes: { "image/*": 2000 },
    types: ["image/*"],
    metadata: { names: ["a"] },
    scan: clamav({ socket }),
  };
  service = await startService({
    backend,
    policy,
    rateLimit,
    authorize: () => ({ tenant: "acme", user: "7" }),
    routes: (app) => void app.post("/own", receive),
  });
  storage = getStorage(service.app);
}

/** A route of the app's own, in a prefix that it names; its answers carry the same codes. */
async function receive(request: FastifyRequest) {
  const { k: key = "k", ...pairs } = request.query as Record<string, string>;
  const { files } = await receiveUpload(request, {
    key: () => key,
    metadata: pairs,
    storage: getStorage(request).forTenant("acme"),
  });
  return files.map(({ stored }) => stored.key);
}

beforeEach(() => start(clamd.socket));

afterEach(() => service?.close());

/** One upload, with what may be wrong of it. */
interface Given {
  readonly key?: string;
  readonly content?: Buffer;
  readonly contentType?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Base64 of the SHA-256 that is stated. */
  readonly digest?: string;
  /** Bytes that are announced; as many as there are, unless it is said. */
  readonly size?: number;
}

const hexOf = (digest: string) => `sha256:${Buffer.from(digest, "base64").toString("hex")}` as const;

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "stored",
    (error: unknown) => (error instanceof StorageError ? error.code : String(error)),
  );

async function send(method: string, path: string, headers: Record<string, string>, body: Buffer) {
  const answer = await ask(service.port, { method, path, headers, body });
  return answer.status < 300 ? "stored" : String(answer.json().code);
}

function headersOf({ contentType = "image/gif", metadata = {}, digest }: Given): Record<string, string> {
  return {
    "content-type": contentType,
    ...Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-meta-${name}`, value])),
    ...(digest === undefined ? {} : { "repr-digest": `sha-256=:${digest}:` }),
  };
}

function formOf({ key = "k", content = gif, contentType = "image/gif", metadata = {} }: Given): Buffer {
  const fields = Object.entries({ key, ...prefixed(metadata) }).map(
    ([name, value]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const file = `--b\r\nContent-Disposition: form-data; name="file"; filename="a.gif"\r\nContent-Type: ${contentType}\r\n\r\n`;
  return Buffer.concat([Buffer.from(fields.join("") + file), content, Buffer.from("\r\n--b--\r\n")]);
}

function prefixed(metadata: Readonly<Record<string, string>>) {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`meta.${name}`, value]));
}

const isUpload = (made: unknown): made is MultipartUpload => "writePart" in Object(made);

/** What was never checked, in the same place. */
async function unchecked({ content = gif, contentType = "image/gif", metadata }: Given): Promise<void> {
  await new Storage(backend).put("before/k", content, { contentType, metadata });
}

const waysIn: Readonly<Record<string, (given: Given) => Promise<string>>> = {
  put: ({ key = "acme/k", content = gif, contentType = "image/gif", metadata, digest, size }) => {
    const checksum = digest === undefined ? undefined : hexOf(digest);
    return codeOf(storage.put(key, content, { contentType, metadata, checksum, size }));
  },
  "put of a stream": ({
    key = "acme/k",
    content = gif,
    contentType = "image/gif",
    metadata,
    digest,
    size,
  }) => {
    const digests = digest === undefined ? [] : [hexOf(digest)];
    return codeOf(storage.put(key, new Blob([content]), { contentType, metadata, digests, size }));
  },
  putFromUrl: async ({ key = "acme/k", content = gif, contentType = "image/gif", metadata, digest }) => {
    const checksum =
      digest === undefined ? undefined : (`sha256:${Buffer.from(digest, "base64").toString("hex")}` as const);
    const origin = createServer((_request, response) =>
      response.writeHead(200, { "content-type": contentType }).end(content),
    );
    await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
    const { port } = origin.address() as AddressInfo;
    const reach = { allowHttp: true, allowPrivateAddresses: true, ports: [port] };
    const url = `http://127.0.0.1:${port}/`;
    return codeOf(storage.putFromUrl(key, url, { metadata, checksum, ...reach })).finally(() =>
      origin.close(),
    );
  },
  "POST /_storage/upload": async (given) => {
    const { digest } = given;
    const headers = {
      "content-type": "multipart/form-data; boundary=b",
      ...(digest === undefined ? {} : { "content-digest": `sha-256=:${digest}:` }),
    };
    return send("POST", "/_storage/upload", headers, formOf(given));
  },
  receiveUpload: async ({ digest, key, metadata, ...given }) => {
    const headers = {
      "content-type": "multipart/form-data; boundary=b",
      ...(digest === undefined ? {} : { "content-digest": `sha-256=:${digest}:` }),
    };
    const query = new URLSearchParams({ ...(key === undefined ? {} : { k: key }), ...metadata });
    return send("POST", `/own?${query}`, headers, formOf(given));
  },
  "PUT /_storage/files/*": (given) =>
    send("PUT", `/_storage/files/${given.key ?? "k"}`, headersOf(given), given.content ?? gif),
  "PUT /files/*": async (given) => {
    const { key = "acme/k", contentType = "image/gif", content = gif } = given;
    try {
      const url = new URL(await storage.getUploadUrl(key, { contentType }));
      return await send("PUT", url.pathname + url.search, headersOf(given), content);
    } catch (error) {
      return error instanceof StorageError ? error.code : String(error);
    }
  },
  "POST /_storage/uploads": async (given) => {
    const { key = "k", content = gif, contentType = "image/gif", metadata, digest } = given;
    const checksum = digest === undefined ? {} : { checksum: hexOf(digest) };
    const asked = { key, size: given.size ?? content.byteLength, contentType, metadata, ...checksum };
    const json = { "content-type": "application/json" };
    const body = Buffer.from(JSON.stringify(asked));
    const prepared = await ask(service.port, {
      method: "POST",
      path: "/_storage/uploads",
      headers: json,
      body,
    });
    if (prepared.status !== 201) return String(prepared.json().code);
    const { pathname, search } = new URL(String(prepared.json().url));
    const sent = await send("PUT", pathname + search, { "content-type": contentType }, content);
    const done = await send("POST", `/_storage/uploads/${prepared.json().id}/complete`, {}, Buffer.alloc(0));
    // A client that could not send its content lets the upload go.
    await ask(service.port, { method: "DELETE", path: `/_storage/uploads/${prepared.json().id}` });
    return sent === "stored" ? done : sent;
  },
  createUpload: async ({ key = "acme/k", content = gif, contentType = "image/gif", metadata, size }) => {
    const upload = await storage
      .createUpload(key, { contentType, metadata })
      .catch((error: unknown) => error);
    if (!isUpload(upload)) return Object(upload).code;
    try {
      const half = Math.floor(content.byteLength / 2);
      const rest = content.subarray(half);
      await upload.writePart(1, content.subarray(0, half));
      await upload.writePart(2, rest, { size: size === undefined ? rest.byteLength : size - half });
      return await codeOf(upload.complete());
    } catch (error) {
      await upload.abort();
      return error instanceof StorageError ? error.code : String(error);
    }
  },
  "copy of what was never checked": async (given) => {
    await unchecked(given);
    return codeOf(storage.copy("before/k", given.key ?? "acme/k"));
  },
  "move of what was never checked": async (given) => {
    await unchecked(given);
    return codeOf(storage.move("before/k", given.key ?? "acme/k"));
  },
  "storage copy": async ({ key = "acme/k", content = gif, contentType = "image/gif", metadata }) => {
    const source = new Storage(new MemoryBackend());
    await source.put("acme/k", content, { contentType, metadata });
    if (key !== "acme/k") return codeOf(storage.put(key, (await source.open("acme/k")).body));
    const options = {
      backoff: new Backoff({ attempts: 1 }),
      signal: new AbortController().signal,
      onBytes: () => undefined,
    };
    return codeOf(copyFile({ source, target: storage }, "acme/k", options));
  },
};

const infected = Buffer.concat([gif, Buffer.from(infectedMarker)]);
const wrongDigest = createHash("sha256").update("other").digest("base64");
const faults: readonly [string, Given, string][] = [
  ["too large", { content: Buffer.concat([gif, Buffer.alloc(2000)]) }, "too_large"],
  [
    "of a wrong type",
    { content: Buffer.from("%PDF-1.7"), contentType: "application/pdf" },
    "unsupported_type",
  ],
  ["of a lying type", { content: Buffer.from("<html>") }, "unsupported_type"],
  ["infected", { content: infected }, "infected"],
  ["of another digest", { digest: wrongDigest }, "checksum_mismatch"],
  ["of another length than it says", { size: gif.byteLength + 1 }, "invalid_argument"],
  ["with hostile metadata", { metadata: { b: "1" } }, "invalid_argument"],
  ["for a hostile key", { key: "a/../k" }, "invalid_key"],
  ["for a reserved key", { key: ".svc-infra/k" }, "invalid_key"],
];

/** What a way in does not take at all, so that nothing can be wrong of it. */
const withoutDigest = /copy|move|createUpload/;
/** HTTP says the length in the framing of a message. */
const withoutSize = /copy|move|PUT|upload$|receiveUpload|putFromUrl/;
const withoutMetadata = /PUT \/files/;

async function expectNothing(): Promise<void> {
  const page = { delimiter: undefined, cursor: undefined, limit: 100, details: false, signal: undefined };
  const { items } = await backend.list({ ...page, prefix: stagingRoot as Prefix });
  expect(items.map(({ key }) => key)).toEqual([]);
  const left = (await new Storage(backend).listKeys()).filter((key) => key !== "before/k");
  expect(left).toEqual([]);
}

describe.each(Object.entries(waysIn))("%s", (way, bring) => {
  it("takes what the policy allows", async () => {
    expect(await bring({ metadata: withoutMetadata.test(way) ? {} : { a: "1" } })).toBe("stored");
  });

  const possible = faults.filter(
    ([, { digest, metadata, size }]) =>
      !(size !== undefined && withoutSize.test(way)) &&
      !(digest !== undefined && withoutDigest.test(way)) &&
      !(metadata !== undefined && withoutMetadata.test(way)),
  );

  it.each(possible)("refuses what is %s", async (_fault, given, code) => {
    expect(await bring(given)).toBe(code);
    await expectNothing();
  });

  it("refuses everything while the scanner is down, and says when to come again", async () => {
    await service.close();
    await start("/nowhere/clamd.sock");
    expect(await bring({})).toBe("unavailable");
    expect(await new Storage(backend).exists("acme/k")).toBe(false);
    // What was sent past the service can be completed when the scanner is back, as long as its lease lasts.
    await storage.sweep({ now: new Date(Date.now() + 7e8) });
    await expectNothing();
  });

  it.runIf(/^(?:POST|PUT) .*_storage|^PUT .files/.test(way))("refuses what is over the rate", async () => {
    await service.close();
    await start(clamd.socket, { uploads: 1 });
    await send("PUT", "/_storage/files/first", headersOf({}), gif);
    const path = way.startsWith("PUT /files")
      ? new URL(await storage.getUploadUrl("acme/k", { contentType: "image/gif" }))
      : undefined;
    if (path !== undefined) await send("PUT", path.pathname + path.search, headersOf({}), gif);
    expect(await bring({})).toBe("rate_limited");
  });
});

/** Routes and methods that take no content of a file. */
const others = new Set(["POST /_storage/sign", "POST /_storage/uploads/:id/complete"]);
const reading = /^(?:constructor|capabilities|check|exists|open|get(?!UploadUrl)|list|delete|with|public)/;
/** Refused with such a policy, or ways of the table by another name. */
const refusedOrNamed = new Set([
  "put",
  "copy",
  "move",
  "createUpload",
  "resumeUpload",
  "getUploadUrl",
  "prepareUpload",
  "completeUpload",
  "abortUpload",
]);

it("nothing takes content that is not in the table: neither a route nor a method", async () => {
  const app = Fastify();
  const taking = new Set<string>();
  app.addHook("onRoute", ({ method, url, schema }) => {
    const isRefusal = Object(schema).hide === true;
    for (const verb of isRefusal ? [] : [method].flat()) {
      if (!/^(?:GET|HEAD|DELETE|OPTIONS)$/.test(verb)) taking.add(`${verb} ${url}`);
    }
  });
  await addStorage(app, new MemoryBackend({ baseUrl, secrets }), { authorize: "open", serveFiles: true });
  await app.close();
  expect(taking.size).toBeGreaterThan(2);
  expect([...taking].filter((route) => !(route in waysIn) && !others.has(route))).toEqual([]);
  const methods = Object.getOwnPropertyNames(StorageFiles.prototype);
  expect(
    methods.filter((name) => !reading.test(name) && !refusedOrNamed.has(name) && !(name in waysIn)),
  ).toEqual([]);
});

it("tells a client over HTTP when to come again", async () => {
  await service.close();
  await start("/nowhere/clamd.sock");
  const answer = await ask(service.port, {
    method: "PUT",
    path: "/_storage/files/k",
    headers: headersOf({}),
    body: gif,
  });
  expect([answer.status, answer.headers["retry-after"]]).toEqual([503, "10"]);
});

it("keeps a tenant's routes within its own keys", async () => {
  expect(await send("PUT", "/_storage/files/other/k", headersOf({}), gif)).toBe("stored");
  expect(await new Storage(backend).listKeys()).toEqual(["acme/other/k"]);
});
