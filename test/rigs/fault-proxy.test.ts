import { once } from "node:events";
import http from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Fault, FaultPlan, slowDown } from "./fault-plan.js";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.js";

/** What the server behind the proxy saw of a request. */
interface Seen {
  readonly line: string;
  readonly host: string | undefined;
  bytes: number;
  whole: boolean;
}

const down = Buffer.alloc(300_000, "abcdefghij");
const up = Buffer.alloc(200_000, "0123456789");
let server: http.Server;
let proxy: FaultProxy;
let seen: Seen[];
let agent: http.Agent;

beforeEach(async () => {
  seen = [];
  server = http.createServer(serve);
  await once(server.listen(0, "127.0.0.1"), "listening");
  proxy = await startFaultProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
});
afterEach(async () => {
  agent.destroy();
  await proxy.stop();
  server.closeAllConnections();
  await once(server.close(), "close");
});

async function serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const line = `${request.method} ${request.url}`;
  const one: Seen = { line, host: request.headers.host, bytes: 0, whole: false };
  seen.push(one);
  if (request.url === "/early") {
    request.once("data", () => request.pause());
    response.writeHead(412).end("early");
    return;
  }
  try {
    for await (const piece of request) one.bytes += piece.length;
  } catch {
    return;
  }
  one.whole = true;
  if (request.url === "/nothing") response.writeHead(204).end();
  else if (request.url === "/slow") setTimeout(() => response.end("slow"), 60_000).unref();
  else response.writeHead(200, { "X-Thing": "ä", "content-length": down.length }).end(down);
}

interface Got {
  readonly status?: number;
  readonly headers?: http.IncomingHttpHeaders;
  readonly body: Buffer;
  readonly failure?: string;
}

/** What a client gets, to the byte, also when it fails. */
async function ask(method: string, path: string, body?: Buffer, signal?: AbortSignal): Promise<Got> {
  const { hostname, port } = new URL(proxy.endpoint);
  const headers = body ? { "content-length": body.length } : {};
  const request = http.request({
    hostname,
    port,
    method,
    path,
    headers,
    agent,
    ...(signal ? { signal } : {}),
  });
  const pieces: Buffer[] = [];
  let head: http.IncomingMessage | undefined;
  try {
    request.on("error", () => undefined).end(body);
    [head] = (await once(request, "response")) as [http.IncomingMessage];
    for await (const piece of head) pieces.push(piece);
    return { status: head.statusCode ?? 0, headers: head.headers, body: Buffer.concat(pieces) };
  } catch (error) {
    const failure = String((error as NodeJS.ErrnoException).code);
    return { ...(head ? { status: head.statusCode ?? 0 } : {}), body: Buffer.concat(pieces), failure };
  }
}

it("without faults requests and answers go through unchanged", async () => {
  const got = await ask("PUT", "/a%2Fb//%E3%81%82?x=%20&y", up);
  expect(seen).toEqual([
    {
      line: "PUT /a%2Fb//%E3%81%82?x=%20&y",
      host: new URL(proxy.endpoint).host,
      bytes: up.length,
      whole: true,
    },
  ]);
  expect(got).toMatchObject({ status: 200, headers: { "x-thing": "ä" } });
  expect(got.body.equals(down)).toBe(true);
  expect(await ask("HEAD", "/")).toMatchObject({ status: 200, headers: { "content-length": "300000" } });
  expect(await ask("DELETE", "/nothing")).toMatchObject({ status: 204, body: Buffer.alloc(0) });
  expect([proxy.connections, proxy.busy, proxy.counts]).toEqual([1, [], {}]);
});

describe("a request that gets a fault", () => {
  it.each<[Fault, Partial<Seen>[], Partial<Got> & { length?: number }]>([
    [{ kind: "refuse" }, [], { failure: "ECONNRESET", length: 0 }],
    [
      { kind: "cutUp", afterBytes: 70_000 },
      [{ bytes: 70_000, whole: false }],
      { failure: "ECONNRESET", length: 0 },
    ],
    [{ kind: "cutUp", share: 0.5 }, [{ bytes: 100_000, whole: false }], { failure: "ECONNRESET", length: 0 }],
    [
      { kind: "cutDown", afterBytes: 70_000 },
      [{ whole: true }],
      { status: 200, failure: "ECONNRESET", length: 70_000 },
    ],
    [
      { kind: "cutDown", share: 0.5 },
      [{ whole: true }],
      { status: 200, failure: "ECONNRESET", length: 150_000 },
    ],
    [
      { kind: "cutDown", afterBytes: 0 },
      [{ whole: true }],
      { status: 200, failure: "ECONNRESET", length: 0 },
    ],
    [{ kind: "loseAnswer" }, [{ bytes: up.length, whole: true }], { failure: "ECONNRESET", length: 0 }],
    [{ kind: "answer", status: 429, body: "no" }, [], { status: 429, body: Buffer.from("no") }],
    [{ kind: "delay", ms: 20 }, [{ whole: true }], { status: 200, length: down.length }],
    [
      { kind: "throttle", bytesPerSecond: 2_000_000 },
      [{ whole: true }],
      { status: 200, length: down.length },
    ],
  ])("%o", async (fault, expectedSeen, { length, ...expected }) => {
    proxy.plan.next(fault);
    const begun = performance.now();
    const got = await ask("PUT", "/", up);
    const took = performance.now() - begun;
    expect(seen).toMatchObject(expectedSeen);
    expect(seen).toHaveLength(expectedSeen.length);
    expect(got).toMatchObject(expected);
    expect("failure" in got).toBe("failure" in expected);
    if (length !== undefined) expect(got.body.equals(down.subarray(0, length))).toBe(true);
    if (fault.kind === "delay") expect(took).toBeGreaterThanOrEqual(fault.ms - 1);
    if (fault.kind === "throttle") expect(took).toBeGreaterThanOrEqual(200);
    expect(proxy.counts).toEqual({ [fault.kind]: 1 });
    const next = await ask("GET", "/");
    expect(next.body.equals(down)).toBe(true);
  });

  it("corrupt: one bit of the answer is another", async () => {
    proxy.plan.next({ kind: "corrupt", afterBytes: 123_456 });
    const { body } = await ask("GET", "/");
    const others = [...body.keys()].filter((index) => body[index] !== down[index]);
    expect(others).toEqual([123_456]);
    expect((body[123_456] ?? 0) ^ (down[123_456] ?? 0)).toBe(1);
  });

  it("slowDown: the answer of S3, with Retry-After, on a connection that stays", async () => {
    proxy.plan.next(slowDown(3), slowDown(0));
    expect(await ask("PUT", "/", up)).toMatchObject({ status: 503, headers: { "retry-after": "3" } });
    expect((await ask("GET", "/")).body.toString()).toContain("<Code>SlowDown</Code>");
    expect([seen.length, proxy.connections]).toEqual([0, 1]);
  });

  it("cutDown: of an answer without a body nothing arrives", async () => {
    proxy.plan.next({ kind: "cutDown", share: 0.5 }, { kind: "cutDown", share: 0.5 });
    expect(await ask("DELETE", "/nothing")).toEqual({ body: Buffer.alloc(0), failure: "ECONNRESET" });
    expect(await ask("HEAD", "/")).toEqual({ body: Buffer.alloc(0), failure: "ECONNRESET" });
    expect(seen).toMatchObject([{ whole: true }, { whole: true }]);
  });

  it("hang: nothing happens until the client leaves", async () => {
    proxy.plan.next({ kind: "hang" });
    const leaving = new AbortController();
    const asked = ask("PUT", "/", up, leaving.signal);
    await expect.poll(() => proxy.busy).toEqual(["PUT /"]);
    leaving.abort();
    expect(await asked).toMatchObject({ failure: "ABORT_ERR" });
    await expect.poll(() => [proxy.busy, proxy.connections, seen.length]).toEqual([[], 0, 0]);
  });
});

it("when the client leaves, the connection to the server ends", async () => {
  const leaving = new AbortController();
  const asked = ask("GET", "/slow", undefined, leaving.signal);
  const connections = () => new Promise((resolve) => server.getConnections((_, count) => resolve(count)));
  await expect.poll(() => seen.length).toBe(1);
  leaving.abort();
  await asked;
  await expect.poll(connections).toBe(0);
});

it("when the server answers before it has read the request, the client has the answer and can go on", async () => {
  const large = Buffer.alloc(20_000_000);
  expect(await ask("PUT", "/early", large)).toMatchObject({ status: 412, body: Buffer.from("early") });
  expect((await ask("GET", "/")).body.equals(down)).toBe(true);
  agent.destroy();
  await expect.poll(() => [proxy.busy, proxy.connections]).toEqual([[], 0]);
});

it("requests that wait behind another on a connection are over when it is", async () => {
  proxy.plan.next({ kind: "delay", ms: 50 }, { kind: "refuse" });
  const socket = connect(Number(new URL(proxy.endpoint).port), "127.0.0.1").on("error", () => undefined);
  socket.write("GET /a HTTP/1.1\r\nHost: localhost\r\n\r\nGET /b HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await new Promise((resolve) => socket.on("close", resolve));
  expect(proxy.counts).toEqual({ delay: 1, refuse: 1 });
  await expect.poll(() => proxy.busy).toEqual([]);
});

it("when there is no server, the client's connection is reset", async () => {
  server.closeAllConnections();
  await once(server.close(), "close");
  expect(await ask("GET", "/")).toMatchObject({ failure: "ECONNRESET" });
  server.listen(0);
});

describe("a mix of faults", () => {
  const anyRequest = { method: "GET", url: "/", headers: {} };
  const taken = (seed: number, rate: number, count: number) => {
    const plan = new FaultPlan(seed);
    plan.mix(
      rate,
      () => ({ kind: "refuse" }),
      (random) => ({ kind: "cutUp", share: random() }),
    );
    return Array.from({ length: count }, () => plan.take(anyRequest));
  };

  it("is the same of the same seed, and another of another", () => {
    expect(taken(7, 0.2, 500)).toEqual(taken(7, 0.2, 500));
    expect(taken(7, 0.2, 500)).not.toEqual(taken(8, 0.2, 500));
  });

  it("meets the share of the requests that was asked for, each kind alike", () => {
    const faults = taken(1, 0.2, 10_000).filter((fault) => fault !== undefined);
    expect(Math.abs(faults.length - 2000)).toBeLessThan(120);
    expect(Math.abs(faults.filter(({ kind }) => kind === "refuse").length - faults.length / 2)).toBeLessThan(
      100,
    );
    expect(taken(1, 0, 1000).filter(Boolean)).toEqual([]);
    expect(taken(1, 1, 1000).filter(Boolean)).toHaveLength(1000);
  });

  it("may depend on the request", () => {
    const plan = new FaultPlan(1);
    plan.mix(1, (_, { method }) => (method === "GET" ? { kind: "hang" } : undefined));
    expect(plan.take(anyRequest)).toEqual({ kind: "hang" });
    expect(plan.take({ ...anyRequest, method: "PUT" })).toBeUndefined();
  });

  it("comes after those that were put first, and ends by clear", () => {
    const plan = new FaultPlan(1);
    plan.mix(1, () => ({ kind: "refuse" }));
    plan.next({ kind: "hang" }, { kind: "loseAnswer" });
    expect([plan.take(anyRequest)?.kind, plan.take(anyRequest)?.kind, plan.take(anyRequest)?.kind]).toEqual([
      "hang",
      "loseAnswer",
      "refuse",
    ]);
    plan.clear();
    expect(plan.take(anyRequest)).toBeUndefined();
  });
});
