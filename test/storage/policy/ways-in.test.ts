import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import Fastify, { type FastifyRequest } from "fastify";
import { type AddStorageOptions, addStorage, getStorage, receiveUpload } from "svc-infra";
import {
  type Body,
  isKey,
  type MultipartUpload,
  type Prefix,
  type PreparedUpload,
  parseKey,
  Storage,
  StorageError,
  type StorageFiles,
} from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { clamav } from "svc-infra/storage/policy";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Backoff } from "#dist/storage/contract/backoff.js";
import { statusOfCode } from "#dist/storage/contract/error.js";
import { stagingRoot } from "#dist/storage/contract/key.js";
import { copyFile } from "#dist/storage/transfer/copy-file.js";
import { rows } from "../../../scripts/capabilities.js";
import { type Answer, call as ask, type Service, startService } from "../../acceptance/service.js";
import { startClamd } from "../../rigs/clamd.js";
import {
  expectedOf,
  faults,
  filesOfWayInParts,
  type Given,
  gif,
  type ServiceState,
  wrongDigest,
} from "./upload-faults.js";

const baseUrl = "http://127.0.0.1:1/files";
const secrets = ["0123456789abcdef0123456789abcdef"];

let clamd: Awaited<ReturnType<typeof startClamd>>;
let backend: MemoryBackend;
let service: Service;
/** The storage with the policy. */
let storage: Storage;

beforeAll(async () => {
  clamd = await startClamd();
});

afterAll(() => clamd?.stop());

async function start(
  socket: string,
  limits: Pick<AddStorageOptions, "rateLimit" | "maxUploadBytes"> = {},
): Promise<void> {
  backend = new MemoryBackend({ baseUrl, secrets });
  const policy = {
    maxBytes: { "image/*": 2000 },
    types: ["image/*", "image/jpeg"],
    metadata: { names: ["a"] },
    scan: clamav({ socket }),
  };
  service = await startService({
    backend,
    policy,
    ...limits,
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

const hexOf = (digest: string) => `sha256:${Buffer.from(digest, "base64").toString("hex")}` as const;

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "stored",
    (error: unknown) => (error instanceof StorageError ? error.code : String(error)),
  );

async function send(method: string, path: string, headers: Record<string, string>, body: Buffer) {
  const answer = await ask(service.port, { method, path, headers, body });
  return outcomeOf(answer);
}

/** Refusals over HTTP are told by status and code. */
function outcomeOf(answer: Answer): string {
  return answer.status < 300 ? "stored" : `${answer.status} ${answer.json().code}`;
}

function headersOf({
  contentType = "image/gif",
  metadata = {},
  digest,
  isChunked,
}: Given): Record<string, string> {
  return {
    "content-type": contentType,
    ...framing(isChunked),
    ...Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-meta-${name}`, value])),
    ...(digest === undefined ? {} : { "repr-digest": `sha-256=:${digest}:` }),
  };
}

function framing(isChunked = false): Record<string, string> {
  return isChunked ? { "transfer-encoding": "chunked" } : {};
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

/** What no policy has checked. A digest is the one that it is said to have: with another one it is damaged. */
async function unchecked(at: MemoryBackend, key: string, given: Given): Promise<void> {
  const { content = gif, contentType = "image/gif", metadata, digest } = given;
  await new Storage(at).put(key, content, { contentType, metadata });
  if (digest === undefined) return;
  const description = { contentType, filename: undefined, metadata: {} };
  const body: Body = {
    size: content.byteLength,
    bytes: content,
    replayable: true,
    open: async function* () {
      yield content;
    },
    checksum: () => hexOf(digest),
  };
  const always = { ifAbsent: false, ifMatch: undefined, signal: undefined };
  await at.write(parseKey(key), body, { ...description, ...always });
}

/** The part of the storage that a tenant's code has. */
const ofTenant = () => storage.forTenant("acme");

const waysIn: Readonly<Record<string, (given: Given) => Promise<string>>> = {
  put: ({ key = "k", content = gif, contentType = "image/gif", metadata, digest, size }) => {
    const checksum = digest === undefined ? undefined : hexOf(digest);
    return codeOf(ofTenant().put(key, content, { contentType, metadata, checksum, size }));
  },
  "put of a stream": ({ key = "k", content = gif, contentType = "image/gif", metadata, digest, size }) => {
    const digests = digest === undefined ? [] : [hexOf(digest)];
    return codeOf(ofTenant().put(key, new Blob([content]), { contentType, metadata, digests, size }));
  },
  putFromUrl: async ({ key = "k", content = gif, contentType = "image/gif", metadata, digest }) => {
    const checksum = digest === undefined ? undefined : hexOf(digest);
    const origin = createServer((_request, response) =>
      response.writeHead(200, { "content-type": contentType }).end(content),
    );
    await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
    const { port } = origin.address() as AddressInfo;
    const reach = { allowHttp: true, allowPrivateAddresses: true, ports: [port] };
    const url = `http://127.0.0.1:${port}/`;
    return codeOf(ofTenant().putFromUrl(key, url, { metadata, checksum, ...reach })).finally(() =>
      origin.close(),
    );
  },
  "POST /_storage/upload": async (given) => {
    const { digest, isChunked } = given;
    const headers = {
      "content-type": "multipart/form-data; boundary=b",
      ...framing(isChunked),
      ...(digest === undefined ? {} : { "content-digest": `sha-256=:${digest}:` }),
    };
    return send("POST", "/_storage/upload", headers, formOf(given));
  },
  "POST /_storage/upload of bare content": (given) => {
    const query = new URLSearchParams({ key: given.key ?? "k" });
    return send("POST", `/_storage/upload?${query}`, headersOf(given), given.content ?? gif);
  },
  receiveUpload: async ({ digest, key, metadata, isChunked, ...given }) => {
    const headers = {
      "content-type": "multipart/form-data; boundary=b",
      ...framing(isChunked),
      ...(digest === undefined ? {} : { "content-digest": `sha-256=:${digest}:` }),
    };
    const query = new URLSearchParams({ ...(key === undefined ? {} : { k: key }), ...metadata });
    return send("POST", `/own?${query}`, headers, formOf(given));
  },
  "PUT /_storage/files/*": (given) =>
    send("PUT", `/_storage/files/${given.key ?? "k"}`, headersOf(given), given.content ?? gif),
  "PUT /files/*": async (given) => {
    const { key = "k", contentType = "image/gif", content = gif } = given;
    try {
      const url = new URL(await ofTenant().getUploadUrl(key, { contentType }));
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
    if (prepared.status !== 201) return outcomeOf(prepared);
    const { pathname, search } = new URL(String(prepared.json().url));
    const sent = await send("PUT", pathname + search, { "content-type": contentType }, content);
    const path = `/_storage/uploads/${prepared.json().id}`;
    if (sent === "stored") return send("POST", `${path}/complete`, {}, Buffer.alloc(0));
    // A client that could not send its content lets the upload go.
    await ask(service.port, { method: "DELETE", path });
    return sent;
  },
  createUpload: async ({ key = "k", content = gif, contentType = "image/gif", metadata, size, digest }) => {
    const upload = await ofTenant()
      .createUpload(key, { contentType, metadata })
      .catch((error: unknown) => error);
    if (!isUpload(upload)) return Object(upload).code;
    try {
      const half = Math.floor(content.byteLength / 2);
      const rest = content.subarray(half);
      await upload.writePart(1, content.subarray(0, half));
      const checksum = digest === undefined ? {} : { checksum: hexOf(digest) };
      const length = size === undefined ? rest.byteLength : size - half;
      await upload.writePart(2, rest, { size: length, ...checksum });
      return await codeOf(upload.complete());
    } catch (error) {
      await upload.abort();
      return error instanceof StorageError ? error.code : String(error);
    }
  },
  "copy of what was never checked": async (given) => {
    await unchecked(backend, "acme/before", given);
    return codeOf(ofTenant().copy("before", given.key ?? "k"));
  },
  "move of what was never checked": async (given) => {
    await unchecked(backend, "acme/before", given);
    return codeOf(ofTenant().move("before", given.key ?? "k"));
  },
  "storage copy": async ({ key = "k", ...given }) => {
    const from = new MemoryBackend();
    const source = new Storage(from);
    await unchecked(from, isKey(key) ? `acme/${key}` : "k", given);
    // No storage gives such a key; what does is another kind of source.
    if (!isKey(key)) return codeOf(ofTenant().put(key, (await source.open("k")).body));
    const options = {
      backoff: new Backoff({ attempts: 1 }),
      signal: new AbortController().signal,
      onBytes: () => undefined,
    };
    return codeOf(copyFile({ source, target: storage }, `acme/${key}`, options));
  },
};

const firstForm = formOf({ key: "first" });
/** Room for the first upload, and not for another. */
const bytesOfOne = {
  rateLimit: { uploadBytes: firstForm.byteLength + gif.byteLength - 1 },
  maxUploadBytes: firstForm.byteLength,
};

const restarts: Readonly<Record<ServiceState, (way: string) => Promise<void>>> = {
  "scanner down": () => restart("/nowhere/clamd.sock"),
  "out of requests": (way) => restartAfterUpload(way, { rateLimit: { uploads: 1 } }),
  "out of bytes": (way) => restartAfterUpload(way, bytesOfOne),
};

async function restartAfterUpload(way: string, limits: Parameters<typeof start>[1]): Promise<void> {
  await restart(clamd.socket, limits);
  const path = way === "receiveUpload" ? "/own?k=first" : "/_storage/upload";
  const headers = { "content-type": "multipart/form-data; boundary=b" };
  expect(await send("POST", path, headers, firstForm)).toBe("stored");
}

async function restart(socket: string, limits: Parameters<typeof start>[1] = {}): Promise<void> {
  await service.close();
  await start(socket, limits);
}

/** Nothing but these keys is listed, staged, or served to its own tenant. */
async function expectOnly(left: readonly string[]): Promise<void> {
  const page = { delimiter: undefined, cursor: undefined, limit: 100, details: false, signal: undefined };
  const { items } = await backend.list({ ...page, prefix: stagingRoot as Prefix });
  expect(items.map(({ key }) => key)).toEqual([]);
  const keys = (await new Storage(backend).listKeys()).filter((key) => key !== "acme/before");
  expect(keys).toEqual(left);
  for (const key of ["k", "other/k"].filter((each) => !left.includes(`acme/${each}`))) {
    const { pathname, search } = new URL(await ofTenant().getUrl(key));
    expect((await ask(service.port, { path: pathname + search })).status).toBe(404);
  }
}

describe.each(Object.entries(waysIn))("%s", (way, bring) => {
  it("takes what the policy allows", async () => {
    expect(await bring({ metadata: /PUT \/files/.test(way) ? {} : { a: "1" } })).toBe("stored");
  });

  const possible = Object.entries(faults).filter(([, { except }]) => except?.test(way) !== true);

  it.each(possible)("refuses %s", async (_fault, fault) => {
    const { given, state, left = [] } = fault;
    if (state !== undefined) await restarts[state](way);
    const told = await bring(given);
    // A URL can be refused before there is one to send to.
    const isUnsigned = way === "PUT /files/*" && !/^[0-9]/.test(told);
    expect(told).toBe(expectedOf(fault, isUnsigned ? "getUploadUrl" : way));
    // What was sent past the service can be completed when the scanner is back, as long as its lease lasts. All others leave nothing.
    const hasLease = /\/_storage\/uploads|createUpload|prepareUpload/.test(way);
    if (hasLease && (state !== undefined || left.length > 0))
      await storage.sweep({ now: new Date(Date.now() + 7e8) });
    await expectOnly(left);
  });
});

/** Failures that are no refusal of what comes in: of reading, of conditions, or of the service itself. */
const noRefusals = new Set([
  "not_found",
  "invalid_range",
  "key_conflict",
  "precondition_failed",
  "permission_denied",
  "quota_exceeded",
  "source_failed",
  "aborted",
  "timeout",
  "unsupported",
  "configuration",
  "unknown",
]);

it("nothing is refused by a rule that is not in the table", () => {
  const told = Object.values(faults).flatMap(({ code }) =>
    typeof code === "string" ? code : ["put", "copy"].map(code),
  );
  expect(Object.keys(statusOfCode).filter((code) => !noRefusals.has(code) && !told.includes(code))).toEqual(
    [],
  );
});

/** Routes and methods that take no content of a file. */
const others = new Set(["POST /_storage/sign", "POST /_storage/uploads/:id/complete"]);
/** Methods that take no content: they read, delete, or make a handle whose methods are looked at as well. */
const contentless = new Set(
  [
    "constructor capabilities check close exists forTenant get getMetadata getUrl getUrls list listAll listAllKeys listKeys",
    "open delete deleteMany deletePrefix sweep with withPolicy key uploadId parts listParts abort",
  ]
    .join(" ")
    .split(" "),
);

/** Ways of the table by another name. */
const named = new Set([
  "put",
  "copy",
  "move",
  "createUpload",
  "resumeUpload",
  "writePart",
  "complete",
  "getUploadUrl",
  "prepareUpload",
  "completeUpload",
  "abortUpload",
]);

/** All methods that code can call on a storage, on a tenant's part of it, and on an upload in parts. */
async function methodsOfStorages(): Promise<readonly string[]> {
  const whole = new Storage(new MemoryBackend());
  const handles = [whole, whole.forTenant("acme"), await whole.createUpload("k")];
  const names = handles.flatMap((handle) => {
    const chain = [];
    for (
      let each = Object.getPrototypeOf(handle);
      each !== Object.prototype;
      each = Object.getPrototypeOf(each)
    )
      chain.push(each);
    return chain.flatMap((prototype) => Object.getOwnPropertyNames(prototype));
  });
  return [...new Set(names)];
}

it("a digest that a client states of content it sends into staging is compared at once", async () => {
  const asked = Buffer.from(JSON.stringify({ key: "k", size: gif.byteLength, contentType: "image/gif" }));
  const json = { "content-type": "application/json" };
  const prepared = await ask(service.port, {
    method: "POST",
    path: "/_storage/uploads",
    headers: json,
    body: asked,
  });
  const { pathname, search } = new URL(String(prepared.json().url));
  const sent = (digest: string) => send("PUT", pathname + search, headersOf({ digest }), gif);
  expect(await sent(wrongDigest)).toBe("400 checksum_mismatch");
  expect(await sent(createHash("sha256").update(gif).digest("base64"))).toBe("stored");
});

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
  const methods = await methodsOfStorages();
  expect(methods).toEqual(expect.arrayContaining(["put", "writePart", "sweep"]));
  expect(methods.filter((name) => !contentless.has(name) && !named.has(name) && !(name in waysIn))).toEqual(
    [],
  );
});

it("every backend that takes direct uploads in parts has a file that sends the whole table that way", () => {
  const inParts = rows
    .map(({ backend }) => backend)
    .filter(({ capabilities }) => capabilities.direct === "parts");
  const types = [...new Set(inParts.map(({ type }) => type))];
  expect(types.sort()).toEqual(Object.keys(filesOfWayInParts).sort());
  for (const file of Object.values(filesOfWayInParts)) {
    expect(readFileSync(new URL(file, import.meta.url), "utf8")).toContain("waysInParts(");
  }
});

/** Ways in whose content comes later than the call, or by another storage than the one that was narrowed. */
const laterWays: Readonly<Record<string, (narrow: StorageFiles, content: Buffer) => Promise<string>>> = {
  getUploadUrl: async (narrow, content) => {
    const contentType = "image/gif";
    const url = await narrow.getUploadUrl("k", { contentType }).catch((error: unknown) => error);
    if (typeof url !== "string") return Object(url).code;
    const { pathname, search } = new URL(url);
    return send("PUT", pathname + search, { "content-type": contentType }, content);
  },
  prepareUpload: async (narrow, content) => {
    const size = content.byteLength;
    const prepared = await narrow
      .prepareUpload("k", { size, contentType: "image/gif" })
      .catch((error: unknown) => error);
    if (!isPrepared(prepared)) return Object(prepared).code;
    const { pathname, search } = new URL(prepared.url ?? "");
    await send("PUT", pathname + search, { "content-type": "image/gif" }, content);
    return codeOf(ofTenant().completeUpload(prepared.id));
  },
  createUpload: async (narrow, content) => {
    const { id } = await narrow.createUpload("k", { contentType: "image/gif" });
    const upload = ofTenant().resumeUpload("k", id);
    await upload.writePart(1, content);
    return codeOf(upload.complete());
  },
};

const isPrepared = (made: unknown): made is PreparedUpload => "parts" in Object(made);

describe.each(Object.entries(laterWays))("%s of a storage that was narrowed", (way, bring) => {
  it.each([
    ["too large for it", { maxBytes: 5 }, "too_large"],
    ["of a type that it does not allow", { types: ["image/png"] }, "unsupported_type"],
    ["of such a type below a prefix", { under: { "acme/": { types: ["image/png"] } } }, "unsupported_type"],
  ])("takes nothing that is %s, although the storage of the service would", async (_what, policy, code) => {
    const narrow = storage.withPolicy(policy).forTenant("acme");
    expect(await bring(narrow, gif)).toBe(way === "getUploadUrl" ? "unsupported" : code);
    await expectOnly([]);
  });

  it("takes nothing that its own scanner has not seen", async () => {
    const scan = { ...clamav({ socket: clamd.socket }), name: "second" };
    const narrow = storage.withPolicy({ scan }).forTenant("acme");
    expect(await bring(narrow, gif)).toBe("unsupported");
    expect(await new Storage(backend).listKeys()).toEqual([]);
  });
});

it("an upload of a storage with a scanner is completed by that storage, or with the scanner", async () => {
  const scan = { ...clamav({ socket: clamd.socket }), name: "second" };
  const narrow = storage.withPolicy({ scan });
  for (const complete of [
    (id: string) => narrow.completeUpload(id),
    (id: string) => storage.completeUpload(id, { policy: { scan } }),
  ]) {
    const { id, url = "" } = await narrow.prepareUpload("k", {
      size: gif.byteLength,
      contentType: "image/gif",
    });
    const { pathname, search } = new URL(url);
    await send("PUT", pathname + search, { "content-type": "image/gif" }, gif);
    await expect(storage.completeUpload(id)).rejects.toMatchObject({
      message: expect.stringContaining("second"),
    });
    expect((await complete(id)).size).toBe(gif.byteLength);
  }
});

it("a URL of a narrowed storage is refused in words that name prepareUpload", async () => {
  const narrow = storage.withPolicy({ maxBytes: 3, types: ["image/png"] });
  await expect(narrow.getUploadUrl("pic.png", { contentType: "text/html" })).rejects.toMatchObject({
    code: "unsupported",
    message: expect.stringContaining("prepareUpload"),
  });
});

it("tells a client over HTTP when to come again", async () => {
  await restart("/nowhere/clamd.sock");
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
