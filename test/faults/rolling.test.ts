import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freePorts } from "../rigs/free-ports.js";
import { type HaproxyRig, startHaproxy } from "../rigs/haproxy.js";
import { RollingLoad, uploadBytes } from "./rolling-load.js";

/** How often each process is restarted; `ROLLING_ROUNDS=10` for the long run. */
const rounds = Number(process.env.ROLLING_ROUNDS ?? 1);

const folder = mkdtempSync(join(tmpdir(), "rolling-"));
const processes = new Map<number, ChildProcess>();
let proxy: HaproxyRig;

async function start(port: number): Promise<void> {
  const child = spawn(process.execPath, [resolve("test/faults/rolling-service.js")], {
    env: {
      PATH: process.env.PATH ?? "",
      // A busy machine is refused with 503, which is no request that the restart lost.
      SHED_EVENT_LOOP_DELAY_MS: "0",
      APP_ENV: "local",
      PORT: String(port),
      LOG_LEVEL: "warn",
      RATE_LIMIT_MAX: "0",
      // HAProxy sees within 200 ms that it stops, or some seconds where both wait for a core.
      SHUTDOWN_DELAY_MS: "4000",
      STORAGE_BASE_PATH: folder,
    },
    stdio: ["ignore", "inherit", "inherit"],
  });
  processes.set(port, child);
  while (child.exitCode === null) {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    if (answer?.ok === true) return;
    await after(50);
  }
  throw new Error(`the service on port ${port} ended with ${child.exitCode}`);
}

async function restart(port: number): Promise<void> {
  const child = processes.get(port);
  if (child === undefined) throw new Error(`nothing runs on port ${port}`);
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const [code] = await ended;
  expect(code).toBe(0);
  await start(port);
  await seen(port);
}

/** Waits until HAProxy sends requests to it. */
async function seen(port: number): Promise<void> {
  while (!(await proxy.sendsTo(port))) await after(50);
}

beforeAll(async () => {
  const ports = await freePorts(3);
  await Promise.all(ports.map(start));
  proxy = await startHaproxy({ ports });
});

afterAll(async () => {
  await proxy?.stop();
  for (const child of processes.values()) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

it("no request is lost or cut while each of three processes is restarted behind a load balancer", {
  timeout: 300_000 + rounds * 60_000,
}, async () => {
  await Promise.all([...processes.keys()].map(seen));
  const load = new RollingLoad(proxy.url);
  load.start();
  for (let round = 0; round < rounds; round++) for (const port of [...processes.keys()]) await restart(port);
  await load.stop();
  expect(load.failures).toEqual([]);
  expect(load.offered).toBeGreaterThanOrEqual(300 * (load.offeredMs / 1000));
  expect(load.counts.quick).toBe(load.offered);
  for (const count of Object.values(load.counts)) expect(count).toBeGreaterThan(10);
});

it("kill -9 loses only what that process had in hand", async () => {
  await Promise.all([...processes.keys()].map(seen));
  const load = new RollingLoad(proxy.url);
  load.start();
  await expect.poll(() => load.stored.size).toBeGreaterThan(5);
  const [port = 0] = processes.keys();
  const child = processes.get(port);
  if (child === undefined) throw new Error("nothing runs");
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
  const endedAt = performance.now();
  await after(3000);
  await load.stop();
  expect(load.lostSince.filter((startedAt) => startedAt > endedAt)).toEqual([]);
  expect(load.failures.length).toBeGreaterThan(0);
  // The others answered all that they had in hand to its end, so what was lost was in the hand of that process.
  for (const other of [...processes.keys()].filter((each) => each !== port)) {
    const response = await fetch(`http://127.0.0.1:${other}/cut`);
    expect([other, await response.json()]).toEqual([other, { cut: 0 }]);
  }
  for (const path of load.stored) {
    const response = await fetch(`${proxy.url}${path}`);
    expect([path, await response.json()]).toEqual([path, { size: uploadBytes }]);
  }
  await start(port);
});
