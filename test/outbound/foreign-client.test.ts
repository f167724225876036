import { spawn } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { ForeignClient, type ForeignClientOptions, ForeignError, type Resolve } from "svc-infra/outbound";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { installLocked } from "../rigs/locked-packages.js";
import { runtimes } from "../rigs/runtimes.js";
import { privateHosts, privateNames, refusedUrls } from "./spellings.js";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let answer: Handler;
let reached: string[];
let port: number;
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
  answer = (_request, response) => response.end("content");
});

/** A client that may reach the server of these tests: the choices that production never makes, spelled out. */
function openClient(options: ForeignClientOptions = {}): ForeignClient {
  return new ForeignClient({ allowHttp: true, allowPrivateAddresses: true, ports: [port], ...options });
}

/** A client that may dial the server's port, but public addresses only. */
function strictClient(options: ForeignClientOptions = {}): ForeignClient {
  return new ForeignClient({ allowHttp: true, ports: [port, 80, 443], timeoutMs: 3000, ...options });
}

async function textOf(client: ForeignClient, url: string): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of (await client.request(url)).body) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof ForeignError) return error.code;
  throw new Error(`expected a ForeignError, not ${String(error)}`);
}

/** Gives one name an address that is public when it is checked, and this machine's when it is dialled; others are inside. */
const resolveFirst: Resolve = async (host) => {
  let reads = 0;
  const first = {
    get address() {
      return reads++ === 0 ? "8.8.8.8" : "127.0.0.1";
    },
    family: 4,
  };
  return [host === "first.example" ? first : { address: "127.0.0.1", family: 4 }];
};

it("a request to an address that is allowed is answered", async () => {
  expect(await textOf(openClient(), `http://127.0.0.1:${port}/a`)).toBe("content");
  expect(reached).toEqual(["/a"]);
});

describe("an address that is not public is refused before it is dialled", () => {
  it.each(privateHosts)("%s", async (host) => {
    // A name that resolves to such an address reads like one that nobody has.
    const refused = ["address_refused", "url_refused"];
    const codes = privateNames.includes(host) ? ["unreachable"] : refused;
    expect(codes).toContain(await codeOf(strictClient().request(`http://${host}:${port}/`)));
    expect(reached).toEqual([]);
  });
});

it("a name of the inner network reads like a name that nobody has", async () => {
  const inner = strictClient({ resolve: async () => [{ address: "10.0.0.7", family: 4 }] });
  const unknown = strictClient({ resolve: () => Promise.reject(new Error("ENOTFOUND")) });
  const told = await Promise.all(
    [inner, unknown].map((client) =>
      client
        .request("http://db.internal/")
        .catch(({ code, message, statusCode }) => ({ code, message, statusCode })),
    ),
  );
  expect(told[0]).toEqual(told[1]);
  expect(told[0]).toMatchObject({ code: "unreachable" });
});

describe("a URL that breaks a rule is refused", () => {
  it.each(refusedUrls)("%s: %s", async (_rule, url) => {
    expect(await codeOf(new ForeignClient().request(url))).toBe("url_refused");
  });

  it("http is refused unless it is allowed", async () => {
    expect(await codeOf(new ForeignClient().request("http://example.com/"))).toBe("url_refused");
  });
});

describe("a name is resolved once, and all of its addresses count", () => {
  it("a name with one private address among public ones is refused", async () => {
    const resolve = async () => [
      { address: "8.8.8.8", family: 4 },
      { address: "127.0.0.1", family: 4 },
    ];
    expect(await codeOf(strictClient({ resolve }).request(`http://example.com:${port}/`))).toBe(
      "unreachable",
    );
    expect(reached).toEqual([]);
  });

  it("a name that resolves to another address a moment later is dialled at the address that was checked", async () => {
    // The server of these tests is where a second look would lead.
    const answers = ["8.8.8.8", "127.0.0.1"];
    const dialled: string[] = [];
    const dialling = new AbortController();
    const noteDial = (message: unknown) => {
      const { socket } = message as { readonly socket: Socket };
      socket.on("connectionAttempt", (address) => {
        dialled.push(address);
        dialling.abort();
      });
    };
    subscribe("net.client.socket", noteDial);
    const asked: string[] = [];
    const resolve = async (host: string) => {
      asked.push(host);
      return [{ address: answers[asked.length - 1] ?? "127.0.0.1", family: 4 }];
    };
    const { signal } = dialling;
    const request = strictClient({ resolve }).request(`http://rebind.example:${port}/`, { signal });
    expect(await codeOf(request)).toBe("aborted");
    unsubscribe("net.client.socket", noteDial);
    expect(dialled).toEqual(["8.8.8.8"]);
    expect(asked).toEqual(["rebind.example"]);
    expect(reached).toEqual([]);
  });

  it("a name without an address reads like a closed port", async () => {
    const nameless = strictClient({ resolve: async () => [] }).request("http://example.com/");
    const closed = openClient({ ports: [1] }).request("http://127.0.0.1:1/");
    const messages = await Promise.all(
      [nameless, closed].map((each) => each.catch((error) => error.message)),
    );
    expect(messages).toEqual(["the URL could not be reached", "the URL could not be reached"]);
  });
});

describe("a redirect", () => {
  it("is an answer unless redirects are followed", async () => {
    answer = (_request, response) => response.writeHead(302, { location: "/b" }).end();
    const { status, close } = await openClient().request(`http://127.0.0.1:${port}/a`);
    close();
    expect(status).toBe(302);
    expect(reached).toEqual(["/a"]);
  });

  it("is followed by a GET that allows it", async () => {
    answer = (request, response) =>
      request.url === "/a" ? response.writeHead(302, { location: "b" }).end() : response.end("there");
    expect(await textOf(openClient({ maxRedirects: 3 }), `http://127.0.0.1:${port}/a`)).toBe("there");
  });

  it.each(["http://127.0.0.1:22/", "file:///etc/passwd", "http://user@127.0.0.1/", "//127.0.0.1:22"])(
    "to %s is refused like a first URL",
    async (location) => {
      answer = (_request, response) => response.writeHead(302, { location }).end();
      const client = openClient({ maxRedirects: 3 });
      expect(await codeOf(client.request(`http://127.0.0.1:${port}/a`))).toBe("url_refused");
      expect(reached).toEqual(["/a"]);
    },
  );

  it.each(["127.0.0.1", "[::1]", "2130706433", "169.254.169.254", "localhost", "inner.example"])(
    "to %s, which is not public, is refused though its port may be dialled",
    async (host) => {
      answer = (_request, response) =>
        response.writeHead(302, { location: `http://${host}:${port}/inside` }).end();
      const client = strictClient({ maxRedirects: 3, resolve: resolveFirst });
      const code = await codeOf(client.request(`http://first.example:${port}/a`));
      expect(["address_refused", "unreachable"]).toContain(code);
      expect(reached).toEqual(["/a"]);
    },
  );

  it("ends after the redirects that are allowed", async () => {
    answer = (_request, response) => response.writeHead(302, { location: "/again" }).end();
    const client = openClient({ maxRedirects: 3 });
    expect(await codeOf(client.request(`http://127.0.0.1:${port}/a`))).toBe("too_many_redirects");
    expect(reached).toHaveLength(4);
  });

  it("of a POST is never followed", async () => {
    answer = (_request, response) => response.writeHead(307, { location: "/b" }).end();
    const client = openClient({ maxRedirects: 3 });
    const request = { method: "POST", body: Buffer.from("x") } as const;
    const { status, close } = await client.request(`http://127.0.0.1:${port}/a`, request);
    close();
    expect(status).toBe(307);
  });
});

describe("a response is bounded", () => {
  it("in bytes", async () => {
    answer = (_request, response) => response.end(Buffer.alloc(2000));
    expect(await codeOf(textOf(openClient({ maxResponseBytes: 1999 }), `http://127.0.0.1:${port}/`))).toBe(
      "response_too_large",
    );
    expect(await textOf(openClient({ maxResponseBytes: 2000 }), `http://127.0.0.1:${port}/`)).toHaveLength(
      2000,
    );
  });

  it("in bytes after decoding", async () => {
    const packed = gzipSync(Buffer.alloc(1_000_000));
    answer = (_request, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(packed);
    expect(packed.byteLength).toBeLessThan(2000);
    expect(await codeOf(textOf(openClient({ maxResponseBytes: 2000 }), `http://127.0.0.1:${port}/`))).toBe(
      "response_too_large",
    );
  });

  it.each(["gzip", "br", "compress"])("in what a false content coding %s can do", async (coding) => {
    answer = (_request, response) => response.writeHead(200, { "content-encoding": coding }).end("plain");
    expect(["bad_response", "unreachable"]).toContain(
      await codeOf(textOf(openClient(), `http://127.0.0.1:${port}/`)),
    );
  });

  it("in time, its content included", async () => {
    answer = (_request, response) => response.writeHead(200).write("first");
    const client = openClient({ timeoutMs: 200 });
    expect(await codeOf(textOf(client, `http://127.0.0.1:${port}/`))).toBe("timeout");
  });

  it("in time, when no header comes", async () => {
    answer = () => undefined;
    expect(await codeOf(openClient({ timeoutMs: 200 }).request(`http://127.0.0.1:${port}/`))).toBe("timeout");
  });
});

describe("a server that answers 101 and changes the protocol", () => {
  beforeEach(() => {
    answer = ({ socket }) =>
      void socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n");
  });

  it.each(["GET", "POST"] as const)("ends a %s, which fails", async (method) => {
    const body = method === "POST" ? { body: Buffer.from("x") } : {};
    expect(await codeOf(openClient().request(`http://127.0.0.1:${port}/`, { method, ...body }))).toBe(
      "unreachable",
    );
  });
});

it("an aborted call says so", async () => {
  answer = () => undefined;
  const signal = AbortSignal.timeout(50);
  expect(await codeOf(openClient().request(`http://127.0.0.1:${port}/`, { signal }))).toBe("aborted");
});

it("a proxy that the environment names is not used", async () => {
  installLocked("runtimes");
  // Node reads these at its start, from Node 24 on.
  const proxy = "http://127.0.0.1:1";
  const env = { NODE_USE_ENV_PROXY: "1", http_proxy: proxy, HTTP_PROXY: proxy, ALL_PROXY: proxy };
  const script = `
    import { ForeignClient } from "svc-infra/outbound";
    const url = "http://127.0.0.1:${port}/";
    const client = new ForeignClient({ allowHttp: true, allowPrivateAddresses: true, ports: "any" });
    const { status } = await client.request(url);
    const others = await fetch(url).then(() => "direct", () => "by the proxy");
    console.log(status, others);
    process.exit();`;
  const child = spawn(runtimes["Node 24"], ["--input-type=module", "--eval", script], { env });
  const [said] = await Promise.all([text(child.stdout), once(child, "close")]);
  expect(said).toBe("200 by the proxy\n");
}, 300_000);
