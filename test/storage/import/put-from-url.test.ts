import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { type ImportOptions, Storage, StorageError } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { privateHosts, privateNames, refusedUrls } from "../../outbound/spellings.js";
import { checkedAsPublic, knowNames } from "../../outbound/system-names.js";
import { WatchedDials } from "../../outbound/watched-dials.js";

let answer: RequestListener;
let reached: string[];
let port: number;
let storage: Storage;
const server = createServer((request, response) => {
  reached.push(request.url ?? "");
  answer(request, response);
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  reached = [];
  storage = new Storage(new MemoryBackend());
  answer = (_request, response) =>
    response.writeHead(200, { "content-type": "text/plain; charset=utf-8" }).end("content");
});

const urlOf = (path = "/a.txt") => `http://127.0.0.1:${port}${path}`;
/** What lets a test reach its own server, spelled out. */
const open = () => ({ allowHttp: true, allowPrivateAddresses: true, ports: [port] });
const bring = (options: ImportOptions = {}, url = urlOf()) =>
  storage.putFromUrl("k", url, { ...open(), ...options });

async function failureOf(work: Promise<unknown>): Promise<StorageError> {
  const failure = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failure instanceof StorageError) return failure;
  throw new Error(`expected a StorageError, not ${String(failure)}`);
}

async function expectRefused(work: Promise<unknown>, code: string): Promise<StorageError> {
  const failure = await failureOf(work);
  expect(failure.code).toBe(code);
  expect(await storage.listKeys()).toEqual([]);
  return failure;
}

describe("putFromUrl", () => {
  it("stores what the URL answers, with its type", async () => {
    expect(await bring()).toMatchObject({ key: "k", size: 7, contentType: "text/plain; charset=utf-8" });
    expect(Buffer.from(await storage.get("k")).toString()).toBe("content");
    expect(await bring({ contentType: undefined })).toMatchObject({
      contentType: "text/plain; charset=utf-8",
    });
  });

  it("takes the options of put, and the caller's word on the type", async () => {
    await bring({ contentType: "text/markdown", metadata: { from: "there" } });
    expect(await storage.getMetadata("k")).toMatchObject({
      contentType: "text/markdown",
      metadata: { from: "there" },
    });
    await expect(bring({ ifAbsent: true })).rejects.toMatchObject({ code: "precondition_failed" });
  });

  it("tells the type by the content where the URL states none", async () => {
    answer = (_request, response) => response.end(Buffer.from("GIF89a------"));
    expect(await bring()).toMatchObject({ contentType: "image/gif" });
  });

  it("stores below a tenant", async () => {
    await storage.forTenant("acme").putFromUrl("k", urlOf(), open());
    expect(await storage.listKeys()).toEqual(["acme/k"]);
  });

  it("follows three redirects and no fourth", async () => {
    answer = ({ url = "" }, response) => {
      const left = Number(url.slice(1));
      if (left === 0) response.end("there");
      else response.writeHead(302, { location: `/${left - 1}` }).end();
    };
    expect(await bring({}, urlOf("/3"))).toMatchObject({ size: 5 });
    await storage.delete("k");
    await expectRefused(bring({}, urlOf("/4")), "source_failed");
  });

  it("looks at the key before it dials", async () => {
    await expectRefused(storage.putFromUrl("a/../b", urlOf(), open()), "invalid_key");
    await expectRefused(storage.putFromUrl("k", urlOf(), null as never), "invalid_argument");
    expect(reached).toEqual([]);
  });

  it("closes the connection of content that is refused", async () => {
    const closed = new Promise<void>((resolve) => {
      answer = (_request, response) => {
        response.once("close", resolve);
        response.writeHead(200).write("endless");
      };
    });
    await expectRefused(bring({ maxBytes: 3 }), "too_large");
    await closed;
  });
});

describe("putFromUrl is one put", () => {
  it("that keeps the limit of the storage", async () => {
    storage = new Storage(new MemoryBackend(), { maxBytes: 6 });
    await expectRefused(bring(), "too_large");
    await expectRefused(bring({ maxBytes: 5 }), "too_large");
    expect(await bring({ maxBytes: 7 })).toMatchObject({ size: 7 });
  });

  it("that observers are told of once", async () => {
    const seen: string[] = [];
    const stop = storage.observers.add(({ operation, error }) => {
      seen.push(`${operation} ${error instanceof StorageError ? error.code : "done"}`);
    });
    await bring();
    answer = (_request, response) => response.writeHead(404).end();
    await expect(bring()).rejects.toMatchObject({ code: "source_failed" });
    stop();
    expect(seen).toEqual(["put done", "put source_failed"]);
  });
});

describe("putFromUrl stores nothing of", () => {
  it.each([
    [404, "the URL answered with status 404"],
    [204, "the URL answered with status 204"],
    [500, "the URL answered with status 500"],
  ])("an answer of %s", async (status, message) => {
    answer = (_request, response) => response.writeHead(status).end();
    expect((await expectRefused(bring(), "source_failed")).message).toBe(message);
  });

  it("content above the limit, counted after decoding", async () => {
    answer = (_request, response) => response.end("12345678");
    await expectRefused(bring({ maxBytes: 7 }), "too_large");
    const packed = gzipSync(Buffer.alloc(1_000_000));
    answer = (_request, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(packed);
    await expectRefused(bring({ maxBytes: 5_000 }), "too_large");
    expect(await bring({ maxBytes: 1_000_000 })).toMatchObject({ size: 1_000_000 });
  });

  it("content that breaks off", async () => {
    answer = (_request, response) => {
      response.writeHead(200, { "content-length": "100" }).write("half");
      setTimeout(() => response.destroy(), 50);
    };
    await expectRefused(bring(), "source_failed");
  });

  it("content that does not come in time", async () => {
    answer = (_request, response) => response.writeHead(200).write("first");
    await expectRefused(bring({ timeoutMs: 200 }), "timeout");
    answer = () => undefined;
    await expectRefused(bring({ timeoutMs: 200 }), "timeout");
  });

  it("a call that was aborted", async () => {
    answer = (_request, response) => response.writeHead(200).write("first");
    const aborting = new AbortController();
    setTimeout(() => aborting.abort(), 100);
    await expectRefused(bring({ signal: aborting.signal }), "aborted");
  });

  it("a server that is away, and tells no address", async () => {
    const away = bring({ ports: [1] }, "http://127.0.0.1:1/");
    expect((await expectRefused(away, "source_failed")).message).toBe("the URL could not be reached");
  });
});

describe("putFromUrl reaches nothing inside", () => {
  const strict = () => ({ allowHttp: true, ports: [port, 80, 443], timeoutMs: 3_000 });

  it.each(privateHosts)("%s", async (host) => {
    // A name that resolves to such an address reads like one that nobody has.
    const code = privateNames.includes(host) ? "source_failed" : "invalid_argument";
    await expectRefused(storage.putFromUrl("k", `http://${host}:${port}/`, strict()), code);
    expect(reached).toEqual([]);
  });

  it.each(refusedUrls)("%s: %s", async (_rule, url) => {
    await expectRefused(storage.putFromUrl("k", url), "invalid_argument");
  });

  it.each(["http://127.0.0.1:22/", "file:///etc/passwd", "http://user@127.0.0.1/", "//127.0.0.1:22"])(
    "by a redirect to %s",
    async (location) => {
      answer = (_request, response) => response.writeHead(302, { location }).end();
      await expectRefused(bring(), "invalid_argument");
      expect(reached).toEqual(["/a.txt"]);
    },
  );

  it.each(["127.0.0.1", "[::1]", "2130706433", "169.254.169.254", "localhost", "inner.example"])(
    "by a redirect to %s, though its port may be dialled",
    async (host) => {
      answer = (_request, response) =>
        response.writeHead(302, { location: `http://${host}:${port}/inside` }).end();
      const forget = knowNames({
        "first.example": () => [checkedAsPublic()],
        "inner.example": () => [{ address: "127.0.0.1", family: 4 }],
      });
      const code = /^[a-z]+\b/.test(host) ? "source_failed" : "invalid_argument";
      await expectRefused(storage.putFromUrl("k", `http://first.example:${port}/a`, strict()), code);
      forget();
      expect(reached).toEqual(["/a"]);
    },
  );

  it("by a name that resolves to another address a moment later", async () => {
    let asked = 0;
    const forget = knowNames({
      "rebind.example": () => [{ address: asked++ === 0 ? "8.8.8.8" : "127.0.0.1", family: 4 }],
    });
    const dials = new WatchedDials().start();
    const url = `http://rebind.example:${port}/`;
    await expectRefused(storage.putFromUrl("k", url, strict()), "source_failed");
    expect([asked, dials.addresses]).toEqual([1, ["8.8.8.8"]]);
    await expectRefused(storage.putFromUrl("k", url, strict()), "source_failed");
    dials.stop();
    forget();
    expect([asked, dials.addresses, reached]).toEqual([2, ["8.8.8.8"], []]);
  });

  it("has 60 spellings and more to refuse", () => {
    expect(new Set(privateHosts).size).toBeGreaterThanOrEqual(60);
  });
});
