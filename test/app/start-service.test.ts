import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { resolve } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { freePort } from "../cli/command-line.js";

let child: ChildProcess | undefined;
let port: number;
let url: string;
let output = "";

beforeEach(async () => {
  port = await freePort();
  url = `http://127.0.0.1:${port}`;
  output = "";
});
afterEach(() => child?.kill("SIGKILL"));

/** Starts the service in a process of its own. */
function spawnService(env: Record<string, string>): Promise<[code: number | null, signal: string | null]> {
  const all = {
    PATH: process.env.PATH ?? "",
    APP_ENV: "local",
    LOG_LEVEL: "warn",
    PORT: String(port),
    ...env,
  };
  const started = spawn(process.execPath, [resolve("test/app/stopping-service.js")], { env: all });
  for (const stream of [started.stdout, started.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  child = started;
  return once(started, "close") as Promise<[number | null, string | null]>;
}

async function ready(): Promise<void> {
  while (
    !(await fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    ))
  )
    await after(20);
}

it("SIGTERM makes it unready first, goes on answering, and ends with 0 after requests in flight", async () => {
  const ended = spawnService({ SHUTDOWN_DELAY_MS: "700", SLOW_MS: "1500" });
  await ready();
  const slow = fetch(`${url}/slow`);
  await after(100);
  child?.kill("SIGTERM");
  await after(200);
  expect((await fetch(`${url}/readyz`)).status).toBe(503);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  const ping = await fetch(`${url}/ping`);
  expect([ping.status, ping.headers.get("connection")]).toEqual([200, "close"]);
  expect(await (await slow).json()).toEqual({ isWhole: true });
  expect(await ended).toEqual([0, null]);
  expect(output).toContain("helpers close");
});

/** Gives the name `localhost` both of its addresses, which not every machine does. */
const twoAddresses = `data:text/javascript,${encodeURIComponent(`import dns from "node:dns";
const lookup = dns.lookup;
const both = [{ address: "127.0.0.1", family: 4 }, { address: "::1", family: 6 }];
dns.lookup = (host, options, done) =>
  host === "localhost" && options.all === true ? done(null, both) : lookup(host, options, done);`)}`;

it.each(["127.0.0.1", "::1"])("HOST=localhost loses no request over %s when it stops", async (address) => {
  const ended = spawnService({
    HOST: "localhost",
    SLOW_MS: "1500",
    NODE_OPTIONS: `--import=${twoAddresses}`,
  });
  await ready();
  const there = address === "::1" ? `http://[::1]:${port}` : url;
  const slow = fetch(`${there}/slow`).then(
    (response) => response.json(),
    (error: unknown) => (Object(error).cause?.code === "ECONNREFUSED" ? "not listening" : "lost"),
  );
  await after(300);
  child?.kill("SIGTERM");
  expect(await slow).toEqual(address === "::1" ? "not listening" : { isWhole: true });
  expect(await ended).toEqual([0, null]);
});

it("a second signal ends it at once", async () => {
  const ended = spawnService({ SHUTDOWN_DELAY_MS: "60000" });
  await ready();
  child?.kill("SIGTERM");
  await after(200);
  child?.kill("SIGTERM");
  expect(await ended).toEqual([1, null]);
  expect(output).not.toContain("helpers close");
});

it("what does not end within SHUTDOWN_TIMEOUT_MS is cut, helpers close, and the exit code tells it", async () => {
  const ended = spawnService({ SHUTDOWN_TIMEOUT_MS: "5000", SLOW_MS: "60000" });
  await ready();
  const slow = fetch(`${url}/slow`).catch(() => "cut");
  await after(100);
  child?.kill("SIGTERM");
  expect(await ended).toEqual([1, null]);
  expect(await slow).toBe("cut");
  expect(output).toContain("helpers close");
  expect(output).toContain("requests in flight were cut (SHUTDOWN_TIMEOUT_MS)");
});

it("a job that goes on is given back within SHUTDOWN_TIMEOUT_MS, whatever JOBS_SHUTDOWN_TIMEOUT says", async () => {
  const ended = spawnService({ SHUTDOWN_TIMEOUT_MS: "5000", JOBS_SHUTDOWN_TIMEOUT: "60000", SLOW_JOB: "1" });
  await ready();
  await vi.waitUntil(() => output.includes("the job runs"));
  child?.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
  expect(output).toContain("the job is given back");
  expect(output).toContain("helpers close");
});

it("the longest SHUTDOWN_TIMEOUT_MS is no short one", async () => {
  const ended = spawnService({
    SHUTDOWN_DELAY_MS: "1000",
    SHUTDOWN_TIMEOUT_MS: String(2 ** 31 - 1),
    SLOW_MS: "1500",
  });
  await ready();
  const slow = fetch(`${url}/slow`);
  await after(100);
  child?.kill("SIGTERM");
  expect(await (await slow).json()).toEqual({ isWhole: true });
  expect(await ended).toEqual([0, null]);
});

it("an idle connection that is kept alive does not hold it", async () => {
  const ended = spawnService({});
  await ready();
  await (await fetch(`${url}/ping`)).text();
  const startedAt = performance.now();
  child?.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
  expect(performance.now() - startedAt).toBeLessThan(5000);
});

it("a connection on which nothing came does not hold it, nor passes for a request that was cut", async () => {
  const ended = spawnService({ SHUTDOWN_TIMEOUT_MS: "20000" });
  await ready();
  const silent = connect(port, "127.0.0.1").on("error", () => undefined);
  await once(silent, "connect");
  const startedAt = performance.now();
  child?.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});

it("a connection whose first request comes while it stops is answered", async () => {
  const ended = spawnService({ SLOW_MS: "4000" });
  await ready();
  const silent = connect(port, "127.0.0.1").setEncoding("utf8");
  await once(silent, "connect");
  const slow = fetch(`${url}/slow`);
  await vi.waitUntil(() => output.includes("the request runs"), 20_000);
  child?.kill("SIGTERM");
  const isRefused = () =>
    fetch(`${url}/ping`).then(
      () => false,
      () => true,
    );
  await vi.waitUntil(isRefused, 20_000);
  silent.write("GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const [answer] = await once(silent, "data");
  expect(answer).toContain("HTTP/1.1 200");
  expect(await (await slow).json()).toEqual({ isWhole: true });
  expect(await ended).toEqual([0, null]);
});

it("a port that is taken is named", async () => {
  const squatter = createServer().listen(port, "127.0.0.1");
  await once(squatter, "listening");
  const [code] = await spawnService({});
  squatter.close();
  expect(code).toBe(1);
  expect(output).toContain("PORT: cannot listen");
});

it("a Redis that refuses the password is told without the password", async () => {
  const redis = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (bytes) =>
      socket.write(/auth|hello/i.test(String(bytes)) ? "-WRONGPASS invalid pair\r\n" : "+OK\r\n"),
    );
  }).listen(0, "127.0.0.1");
  await once(redis, "listening");
  const { port: redisPort } = redis.address() as AddressInfo;
  void spawnService({ REDIS_URL: `redis://user:hunter2secret@127.0.0.1:${redisPort}`, LOG_LEVEL: "debug" });
  await vi.waitFor(() => expect(output).toContain("WRONGPASS"), 20_000);
  expect(output).not.toContain("hunter2secret");
  redis.close();
});
