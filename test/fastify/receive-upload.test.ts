import multipart from "@fastify/multipart";
import Fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import { addStorage, getStorage, type ReceiveUploadOptions, receiveUpload } from "svc-infra";
import { HttpError } from "svc-infra/http";
import {
  type BackendCall,
  type Capabilities,
  LayerBackend,
  type Next,
  Storage,
  type StorageBackend,
  safeKey,
} from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { call, kinds, makeBackend, sendRaw } from "../acceptance/service.js";

let app: FastifyInstance;
let backend: StorageBackend;
let remove: () => Promise<void> = async () => undefined;

beforeEach(() => {
  app = Fastify();
  backend = new MemoryBackend();
});

afterEach(async () => {
  await app.close();
  await remove();
});

type Options = ReceiveUploadOptions | ((request: FastifyRequest) => ReceiveUploadOptions);

/** The app with one route `/photos` that takes forms, and its origin. */
async function listen(options: Options): Promise<string> {
  addRoute(app, options);
  return app.listen({ port: 0, host: "127.0.0.1" });
}

function addRoute(scope: FastifyInstance, options: Options): void {
  scope.post("/photos", async (request) => {
    const own = typeof options === "function" ? options(request) : options;
    const { files, fields } = await receiveUpload(request, own);
    return {
      files: files.map(({ field, filename, index, stored }) => [
        field,
        filename,
        index,
        stored.key,
        stored.size,
      ]),
      fields: [...fields],
    };
  });
}

const portOf = (origin: string) => Number(new URL(origin).port);
const keys = () => new Storage(backend).listKeys();

function formOf(...entries: readonly (readonly [string, string | File])[]): FormData {
  const form = new FormData();
  for (const [name, value] of entries) form.append(name, value);
  return form;
}

const text = (name: string, content: string) => new File([content], name, { type: "text/plain" });

async function post(origin: string, form: FormData, path = "/photos") {
  const response = await fetch(origin + path, { method: "POST", body: form });
  const answer: Record<string, unknown> = JSON.parse(await response.text());
  return { status: response.status, ...answer };
}

const byName: ReceiveUploadOptions["key"] = ({ filename = "none" }) => `photos/${safeKey(filename)}`;

describe.each(kinds)("on %s", (kind) => {
  it("stores many files as they come, and answers them and the fields in their order", async () => {
    ({ backend, remove } = await makeBackend(kind));
    await addStorage(app, backend);
    const origin = await listen({
      key: byName,
      metadata: { by: "test" },
      cacheControl: "private, max-age=60",
    });
    const form = formOf(
      ["title", "Sommer"],
      ["photo", text("a.txt", "one")],
      ["tag", "x"],
      ["tag", "y"],
      ["photo", text("Größe.txt", "three")],
      ["note", "behind"],
    );
    expect(await post(origin, form)).toEqual({
      status: 200,
      files: [
        ["photo", "a.txt", 0, "photos/a.txt", 3],
        ["photo", "Größe.txt", 1, `photos/${safeKey("Größe.txt")}`, 5],
      ],
      fields: [
        ["title", "Sommer"],
        ["tag", "x"],
        ["tag", "y"],
        ["note", "behind"],
      ],
    });
    expect(await new Storage(backend).getMetadata("photos/a.txt")).toMatchObject({
      contentType: "text/plain",
      filename: "a.txt",
      metadata: { by: "test" },
      cacheControl: "private, max-age=60",
    });
  });
});

it("keeps the limit of the environment that addStorage was given, also for a part of a storage of another name", async () => {
  const env = { STORAGE_MAX_UPLOAD_BYTES: "3" };
  const archive = await addStorage(app, backend, { env, decorator: "archive" });
  const origin = await listen({ key: "a.txt", storage: archive.forTenant("acme") });
  expect(await post(origin, formOf(["file", text("a.txt", "four")]))).toMatchObject({
    status: 413,
    code: "too_large",
  });
});

it("works under a prefix, with the storage that was added there", async () => {
  await app.register(
    async (v1) => {
      await addStorage(v1, backend);
      addRoute(v1, { key: "k" });
    },
    { prefix: "/v1" },
  );
  const origin = await app.listen({ port: 0, host: "127.0.0.1" });
  expect(await post(origin, formOf(["f", text("a", "x")]), "/v1/photos")).toMatchObject({ status: 200 });
  expect(await keys()).toEqual(["k"]);
});

it("asks for the key of a file before the rest of the form has come", async () => {
  await addStorage(app, backend);
  const key = vi.fn(() => "k");
  const port = portOf(await listen({ key }));
  const head = `POST /photos HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 5000\r\n\r\n`;
  const cut = sendRaw(port, `${head}${fileHead("a.txt")}0123456789`, 300);
  await vi.waitFor(() =>
    expect(key).toHaveBeenCalledWith(expect.objectContaining({ filename: "a.txt" }), expect.anything()),
  );
  await cut;
});

function fileHead(filename: string): string {
  return `--b\r\nContent-Disposition: form-data; name="f"; filename="${filename}"\r\n\r\n`;
}

describe("a form that is cut leaves no cut file", () => {
  const whole = `${fileHead("1")}first\r\n${fileHead("2")}second\r\n--b--\r\n`;
  // Every place but the blank line behind the last delimiter, which a sender may leave out.
  const places = Array.from({ length: whole.length - 4 }, (_, at) => at + 1).filter(
    (at) => at % 7 === 0 || at > 210,
  );

  /** Sends the first bytes of the form; the code of the error that the route met. */
  async function sendCut(port: number, at: number, isChunked: boolean): Promise<string> {
    const code = new Promise<string>((resolve) => {
      onError = resolve;
    });
    const length = isChunked ? "Transfer-Encoding: chunked" : `Content-Length: ${whole.length}`;
    const part = whole.slice(0, at);
    const head = `POST /photos HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b\r\n${length}\r\n\r\n`;
    await sendRaw(
      port,
      head + (isChunked ? `${at.toString(16)}\r\n${part}\r\n0\r\n\r\n` : part),
      isChunked ? 3000 : 20,
    );
    return code;
  }
  let onError: (code: string) => void;

  it.each([
    ["by a lost connection", false, "aborted"],
    ["by its sender", true, "bad_request"],
  ])("%s", async (_how, isChunked, code) => {
    await addStorage(app, backend);
    app.addHook("onError", async (_request, _reply, error) => onError(error.code));
    const port = portOf(await listen({ key: ({ index }) => `${index}` }));
    const storage = new Storage(backend);
    for (const at of places) {
      expect([at, await sendCut(port, at, isChunked)]).toEqual([at, code]);
      // The first file is there only when the second has begun; the second never is.
      expect([at, await storage.listKeys()]).toEqual([at, at <= whole.indexOf("second") ? [] : ["0"]]);
      if (await storage.delete("0")) expect(at).toBeGreaterThan(whole.indexOf("second"));
    }
  });
});

describe("a file that is refused", () => {
  const form = () => formOf(["f", text("small", "ok")], ["f", text("large", "x".repeat(2000))]);

  it("is nowhere, and its client is told; the files before it stay", async () => {
    await addStorage(app, backend);
    const origin = await listen({ key: byName, maxBytes: 1000 });
    expect(await post(origin, form())).toMatchObject({
      status: 413,
      code: "too_large",
      message: "content is larger than 1000 bytes; maxBytes of the policy or of the call sets it",
    });
    expect(await keys()).toEqual(["photos/small"]);
  });

  it("takes the files before it along where this request made them", async () => {
    await addStorage(app, backend);
    const origin = await listen({ key: byName, maxBytes: 1000, ifAbsent: true });
    expect(await post(origin, form())).toMatchObject({ status: 413 });
    expect(await keys()).toEqual([]);
    await new Storage(backend).put("photos/large", "old");
    expect(await post(origin, formOf(["f", text("small", "ok")], ["f", text("large", "new")]))).toMatchObject(
      { status: 412 },
    );
    expect(await keys()).toEqual(["photos/large"]);
    expect(Buffer.from(await new Storage(backend).get("photos/large")).toString()).toBe("old");
  });

  it("leaves a file alone that another client put meanwhile, also where deletions know no condition", async () => {
    class Unconditional extends LayerBackend<Capabilities> {
      override readonly capabilities: Capabilities = { ...this.inner.capabilities, conditionalRemove: false };
      protected intercept<T>(_call: BackendCall, next: Next<T>): Promise<T> {
        return next(undefined);
      }
    }
    backend = new Unconditional(backend);
    await addStorage(app, backend);
    const names: string[] = [];
    const origin = await listen({
      key: async ({ filename = "none" }) => {
        names.push(filename);
        if (filename === "large") await new Storage(backend).put("photos/small", "of another client");
        return `photos/${filename}`;
      },
      maxBytes: 1000,
      ifAbsent: true,
    });
    expect(await post(origin, form())).toMatchObject({ status: 413 });
    expect(names).toEqual(["small", "large"]);
    expect(Buffer.from(await new Storage(backend).get("photos/small")).toString()).toBe("of another client");
    await new Storage(backend).delete("photos/small");
    names.length = 0;
    expect(
      await post(origin, formOf(["f", text("small", "ok")], ["g", text("other", "x".repeat(2000))])),
    ).toMatchObject({
      status: 413,
    });
    expect(await keys()).toEqual([]);
  });

  it("is answered while its client still sends", async () => {
    await addStorage(app, backend);
    const port = portOf(await listen({ key: byName, maxBytes: 1000 }));
    const body = Buffer.concat([
      Buffer.from(fileHead("big")),
      Buffer.alloc(900_000),
      Buffer.from("\r\n--b--\r\n"),
    ]);
    const headers = {
      "content-type": "multipart/form-data; boundary=b",
      "transfer-encoding": "chunked",
      connection: "keep-alive",
    };
    const answer = await call(port, { method: "POST", path: "/photos", headers, body });
    expect([answer.status, answer.json().code, answer.headers.connection]).toEqual([
      413,
      "too_large",
      "close",
    ]);
  });
});

describe("options narrow what the storage allows, and never widen it", () => {
  it.each<[string, Partial<ReceiveUploadOptions>, string, number]>([
    ["types", { types: ["image/*"] }, "hello", 415],
    ["a smaller size", { maxBytes: 10 }, "hello world", 413],
    ["a larger size", { maxBytes: "1MB" }, "x".repeat(200), 413],
    ["other types", { types: ["text/csv"] }, "a,b", 415],
  ])("%s", async (_what, options, content, status) => {
    await addStorage(app, backend, { policy: { types: ["text/plain"] }, maxUploadBytes: 100 });
    const origin = await listen({ key: "k", ...options });
    expect(await post(origin, formOf(["f", text("a", content)]))).toMatchObject({ status });
    expect(await keys()).toEqual([]);
  });

  it("a storage of a tenant keeps files below its id", async () => {
    await addStorage(app, backend);
    const origin = await listen((request) => ({ key: "a", storage: getStorage(request).forTenant("acme") }));
    expect(await post(origin, formOf(["f", text("a", "x")]))).toMatchObject({
      status: 200,
      files: [["f", "a", 0, "a", 1]],
    });
    expect(await keys()).toEqual(["acme/a"]);
  });

  it("the limit of addStorage holds for a storage that was made in code, too", async () => {
    await addStorage(app, new Storage(backend), { maxUploadBytes: 3 });
    const origin = await listen({ key: "k" });
    expect(await post(origin, formOf(["f", text("a", "four")]))).toMatchObject({ status: 413 });
  });
});

describe("the number of files", () => {
  const two = () => formOf(["f", text("a", "1")], ["f", text("b", "2")]);

  it("is one with one key, and nothing is stored of two", async () => {
    await addStorage(app, backend);
    const origin = await listen({ key: "k" });
    expect(await post(origin, two())).toMatchObject({ status: 400, code: "bad_request" });
    expect(await keys()).toEqual([]);
  });

  it("has a most and a least", async () => {
    await addStorage(app, backend);
    const origin = await listen({ key: byName, minFiles: 3, maxFiles: 4 });
    expect(await post(origin, two())).toMatchObject({
      status: 400,
      message: "the form has fewer than 3 files",
    });
  });

  it("does not count an input that was left empty, but an empty file", async () => {
    await addStorage(app, backend);
    const origin = await listen({ key: ({ index }) => `${index}` });
    const empty = new File([], "");
    expect(await post(origin, formOf(["f", empty]))).toMatchObject({
      status: 400,
      message: "the form has no file",
    });
    expect(await post(origin, formOf(["f", empty], ["f", text("a", "")]))).toMatchObject({
      status: 200,
      files: [["f", "a", 0, "0", 0]],
    });
  });
});

describe("what is no form for it", () => {
  it("other content is 415, an error of the key function is that error", async () => {
    await addStorage(app, backend);
    const origin = await listen({
      key: () => {
        throw new HttpError(403, "forbidden", "not yours");
      },
    });
    const json = await call(portOf(origin), {
      method: "POST",
      path: "/photos",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect([json.status, json.json().code]).toEqual([415, "unsupported_type"]);
    expect(await post(origin, formOf(["f", text("a", "x")]))).toMatchObject({
      status: 403,
      message: "not yours",
    });
  });

  it.each<[object, RegExp]>([
    [{ key: "k", fileSize: 3 }, /no option 'fileSize'; known are key, maxBytes/],
    [{}, /key must be/],
    [{ key: "k", maxFiles: 2 }, /one key is for one file/],
    [{ key: () => "k", maxFiles: 101 }, /maxFiles must be a whole number from 1 to 100/],
    [{ key: () => "k", minFiles: 3, maxFiles: 2 }, /minFiles must not be above maxFiles/],
  ])("wrong options %o say what to write", async (options, message) => {
    await addStorage(app, backend);
    const origin = await listen(options as ReceiveUploadOptions);
    expect(await post(origin, formOf(["f", text("a", "x")]))).toMatchObject({
      status: 500,
      code: "configuration",
      message: expect.stringMatching(message),
    });
  });
});

describe("beside @fastify/multipart", () => {
  it.each(["before", "behind"])("registered %s addStorage, each route reads its own forms", async (place) => {
    if (place === "before") await app.register(multipart);
    await addStorage(app, backend);
    if (place === "behind") await app.register(multipart);
    app.post("/theirs", async (request) => (await request.file())?.filename ?? "none");
    const origin = await listen({ key: "k" });
    expect(await post(origin, formOf(["f", text("a", "x")]))).toMatchObject({ status: 200 });
    const theirs = await fetch(`${origin}/theirs`, { method: "POST", body: formOf(["f", text("b", "x")]) });
    expect(await theirs.text()).toBe("b");
  });

  it("a form that it has read already is told as that", async () => {
    await app.register(multipart, { attachFieldsToBody: true });
    await addStorage(app, backend);
    const origin = await listen({ key: "k" });
    expect(await post(origin, formOf(["f", text("a", "x")]))).toMatchObject({
      status: 500,
      code: "configuration",
      message: expect.stringContaining("attachFieldsToBody"),
    });
  });
});
