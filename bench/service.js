// @ts-check
// What the whole service costs: how soon a new project is ready, /ping against bare Fastify, its memory, what measuring and
// logging take of a put and of a signed GET, and a cache in memory against a Map. Each server is a process of its own; beyond
// its start its CPU alone is counted, in turns.
// Run with: node bench/service.js [starting] [pings] [measuring] [caching]
import { execFileSync, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { fastify } from "fastify";

/** Loaded where it is used: the memory of bare Fastify is to hold none of it. */
const kit = () => import("../dist/index.js");
const script = fileURLToPath(import.meta.url);
const rounds = Number(process.env.ROUNDS ?? 7);
const calls = 4_000;
const connections = 16;
const secret = "a-secret-of-more-than-thirty-two-characters";
const silent = { LOG_LEVEL: "silent", RATE_LIMIT_MAX: "1000000000" };

/** @type {Readonly<Record<string, () => Promise<import("fastify").FastifyInstance>>>} */
const servers = {
  bare: async () => fastify().get("/ping", async () => ({ service: "bench" })),
  service: async () => service({ ...silent, LOG_LEVEL: "warn" }),
  "service that logs each request": async () => service({ ...silent, LOG_LEVEL: "info" }),
  "files, measured": async () => files({ LOG_LEVEL: "info" }, true),
  "files, not measured": async () => files({ LOG_LEVEL: "silent" }, false),
};

/** @param {Record<string, string>} env */
async function service(env) {
  const { easyServiceApp } = await kit();
  return /** @type {never} */ (await easyServiceApp({ name: "bench", env, observability: true }));
}

/**
 * A storage on disk that serves signed URLs; one of its apps measures, traces without an SDK, and logs uploads.
 *
 * @param {{ LOG_LEVEL: string }} env
 * @param {boolean} isMeasured
 */
async function files({ LOG_LEVEL: level }, isMeasured) {
  const { addObservability, addStorage, easyStorage } = await kit();
  const app = fastify({ logger: { level }, disableRequestLogging: true });
  if (isMeasured) await addObservability(app, { env: {} });
  const folder = mkdtempSync(join(tmpdir(), "bench-service-"));
  const env = { STORAGE_BASE_PATH: folder, STORAGE_SIGNING_SECRET: secret, STORAGE_DURABILITY: "fast" };
  const storage = await addStorage(app, await easyStorage({}, env), { serveFiles: true });
  const content = Buffer.alloc(4096, 7);
  await storage.put("read.bin", content);
  app.get(
    "/url",
    async () =>
      new URL(await storage.getUrl("read.bin")).pathname + new URL(await storage.getUrl("read.bin")).search,
  );
  let number = 0;
  app.post("/put", async () => ({ size: (await storage.put(`${number++ % 500}.bin`, content)).size }));
  app.addHook("onClose", async () => rmSync(folder, { recursive: true, force: true }));
  return app;
}

if (process.argv[2] === "serve") await serve(process.argv[3] ?? "");
else await compare();

/** @param {string} name */
async function serve(name) {
  const app = await servers[name]?.();
  if (app === undefined) throw new Error(`there is no server ${name}`);
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpu: user + system, rss: process.memoryUsage.rss() });
  });
  process.on("disconnect", () => app.close());
  process.send?.({ url });
}

/** @typedef {Awaited<ReturnType<typeof start>>} Started */

/** @param {string} name */
async function start(name) {
  // What is logged is written, to nowhere.
  const child = fork(script, ["serve", name], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const [{ url }] = await once(child, "message");
  const { Pool } = await import("undici");
  const pool = new Pool(url, { connections });
  const facts = async () => {
    child.send("facts");
    return /** @type {{ cpu: number, rss: number }} */ ((await once(child, "message"))[0]);
  };
  /** @param {string} path @param {"GET" | "POST"} [method] */
  const cpuPerCall = async (path, method = "GET") => {
    const before = await facts();
    let left = calls;
    const work = async () => {
      while (left-- > 0) {
        const answer = await pool.request({ path, method });
        if (answer.statusCode !== 200) throw new Error(`${name}: ${answer.statusCode} for ${path}`);
        await answer.body.dump();
      }
    };
    await Promise.all(Array.from({ length: connections }, work));
    return ((await facts()).cpu - before.cpu) / calls;
  };
  const text = async (/** @type {string} */ path) =>
    (await pool.request({ path, method: "GET" })).body.text();
  const stop = async () => {
    await pool.close();
    child.disconnect();
    await once(child, "exit");
  };
  return { name, facts, cpuPerCall, text, stop };
}

/** @param {readonly number[]} values */
function middle(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/**
 * @param {string} what
 * @param {number} value
 * @param {string} goal
 * @param {boolean} isReached
 */
function tell(what, value, goal, isReached) {
  console.log(
    `${what.padEnd(64)} ${value.toFixed(2).padStart(8)}   ${goal.padEnd(8)} ${isReached ? "reached" : "NOT REACHED"}`,
  );
}

/** All parts, or those that are named: starting, pings, measuring, caching. */
async function compare() {
  const parts = { starting, pings, measuring, caching };
  const names = process.argv.slice(2);
  for (const [name, part] of Object.entries(parts)) {
    if (names.length === 0 || names.includes(name)) await part();
  }
}

/** Projects of `svc-infra init`, from their start until `/readyz` answers 200; the first start is a cold one. */
async function starting() {
  const folder = mkdtempSync(join(tmpdir(), "bench-starting-"));
  try {
    for (const helpers of ["storage", "storage,sql,cache,jobs,mail"]) {
      const project = newProject(join(folder, helpers.replaceAll(",", "-")), helpers);
      const readyMs = [];
      for (let round = 0; round <= rounds; round++) {
        const taken = await msUntilReady(project);
        if (round > 0) readyMs.push(taken);
      }
      const seconds = middle(readyMs) / 1000;
      tell(`seconds until a project with ${helpers} is ready`, seconds, "< 3", seconds < 3);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * A built project whose packages are those of this checkout.
 *
 * @param {string} project
 * @param {string} helpers
 */
function newProject(project, helpers) {
  const checkout = fileURLToPath(new URL("..", import.meta.url));
  const init = [join(checkout, "dist/cli/main.js"), "init", project, "--no-install", "--with", helpers];
  execFileSync(process.execPath, init);
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(project, "package.json"), "utf8"));
  for (const name of Object.keys({ ...dependencies, ...devDependencies })) {
    const link = join(project, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(name === "svc-infra" ? checkout : join(checkout, "node_modules", name), link);
  }
  execFileSync(process.execPath, [join(checkout, "node_modules/typescript/bin/tsc")], { cwd: project });
  return project;
}

/** @param {string} project */
async function msUntilReady(project) {
  const port = await freePort();
  const startedAt = performance.now();
  const { PATH = "" } = process.env;
  const env = { PATH, PORT: String(port) };
  const child = spawn(process.execPath, ["dist/src/main.js"], { cwd: project, env, stdio: "ignore" });
  const ended = once(child, "exit");
  const isReady = () =>
    fetch(`http://localhost:${port}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await isReady())) {
    if (child.exitCode !== null) throw new Error(`the project ended with ${child.exitCode}`);
    await after(10);
  }
  const taken = performance.now() - startedAt;
  child.kill();
  await ended;
  return taken;
}

async function freePort() {
  const server = createServer().listen(0);
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  server.close();
  await once(server, "close");
  return port;
}

async function pings() {
  const bare = await start("bare");
  const others = [await start("service"), await start("service that logs each request")];
  for (const server of [bare, ...others]) await server.cpuPerCall("/ping");
  for (const other of others) {
    const ratios = [];
    for (let round = 0; round < rounds; round++) {
      const limit = await bare.cpuPerCall("/ping");
      ratios.push(limit / (await other.cpuPerCall("/ping")));
    }
    tell(`/ping through the ${other.name}, x bare Fastify`, middle(ratios), ">= 0.60", middle(ratios) >= 0.6);
    const mib = ((await other.facts()).rss - (await bare.facts()).rss) / 2 ** 20;
    tell(`resident MiB of the ${other.name} above bare Fastify`, mib, "<= 40", mib <= 40);
  }
  for (const server of [bare, ...others]) await server.stop();
}

/** Each round has processes of its own: two that do the same differ by up to a tenth for as long as they live. */
async function measuring() {
  const cases = [
    { what: "a put of 4 KiB", path: async () => "/put", method: /** @type {const} */ ("POST") },
    {
      what: "a signed GET of 4 KiB",
      path: (/** @type {Started} */ server) => server.text("/url"),
      method: /** @type {const} */ ("GET"),
    },
  ];
  const shares = cases.map(() => /** @type {number[]} */ ([]));
  for (let round = 0; round < rounds; round++) {
    const [with_, without] = [await start("files, measured"), await start("files, not measured")];
    for (const [index, { path, method }] of cases.entries()) {
      const paths = [await path(with_), await path(without)];
      const share = async () => {
        const base = await without.cpuPerCall(paths[1] ?? "", method);
        return (await with_.cpuPerCall(paths[0] ?? "", method)) / base - 1;
      };
      await share();
      shares[index]?.push((await share()) * 100);
    }
    await with_.stop();
    await without.stop();
  }
  for (const [index, { what }] of cases.entries()) {
    const share = middle(shares[index] ?? []);
    tell(`% of CPU that measuring and logging add to ${what}`, share, "<= 10", share <= 10);
  }
}

async function caching() {
  const app = fastify();
  const { addCache } = await kit();
  const cache = await addCache(app, { env: {} });
  const map = new Map([["a", Promise.resolve(1)]]);
  const count = 200_000;
  const ratios = [];
  for (let round = 0; round <= rounds; round++) {
    let startedAt = performance.now();
    for (let i = 0; i < count; i++) await map.get("a");
    const limit = performance.now() - startedAt;
    startedAt = performance.now();
    for (let i = 0; i < count; i++) await cache.getOrSet("a", {}, () => 1);
    if (round > 0) ratios.push(limit / (performance.now() - startedAt));
  }
  tell("getOrSet in memory, x a Map", middle(ratios), ">= 0.50", middle(ratios) >= 0.5);
  await app.close();
}
