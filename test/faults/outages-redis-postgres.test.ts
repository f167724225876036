import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import type { ServiceApp } from "svc-infra/app";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { makeService } from "../app/service.js";
import { type PostgresRig, startPostgres } from "../rigs/postgres.js";
import { type RedisRig, startRedis } from "../rigs/redis.js";

let app: ServiceApp;
afterEach(() => app.close());

/** Statuses of the probes, and the checks that failed. */
async function probes(): Promise<{ live: number; ready: number; failed: readonly string[] }> {
  const [live, ready] = await Promise.all([app.inject("/healthz"), app.inject("/readyz")]);
  const checks: Record<string, { status: string }> = ready.json().checks;
  const failed = Object.keys(checks).filter((name) => checks[name]?.status === "failed");
  return { live: live.statusCode, ready: ready.statusCode, failed };
}

describe("a Redis that hangs", () => {
  let redis: RedisRig;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  it("costs a miss and a count, is named, and holds up no request", async () => {
    app = await makeService({ REDIS_URL: redis.url, CACHE_URL: redis.url });
    app.get("/cached", async () => app.cache.getOrSet("a", {}, () => "loaded"));
    await app.ready();
    expect((await app.inject("/cached")).body).toBe("loaded");
    // A machine that is busy may take longer than the check waits.
    await expect.poll(probes).toEqual({ live: 200, ready: 200, failed: [] });
    const admin = new Redis(redis.url);
    await admin.call("CLIENT", "PAUSE", "600000", "ALL");
    try {
      const began = performance.now();
      expect((await app.inject("/ping")).statusCode).toBe(200);
      expect((await app.inject("/cached")).body).toBe("loaded");
      expect(performance.now() - began).toBeLessThan(10_000);
      const again = performance.now();
      for (let request = 0; request < 20; request++) await app.inject("/ping");
      // Each would wait for a quarter of a second.
      expect(performance.now() - again).toBeLessThan(2500);
      // What was found before is kept for some seconds.
      await expect.poll(async () => (await probes()).failed).toEqual(["rate-limit", "cache"]);
      expect(await probes()).toMatchObject({ live: 200, ready: 200 });
    } finally {
      admin.disconnect();
    }
  });
});

describe("a PostgreSQL that refuses", () => {
  let postgres: PostgresRig;
  beforeAll(async () => {
    postgres = await startPostgres();
  });

  it("is named by /readyz, and what needs no database goes on", async () => {
    app = await makeService({ SQL_URL: postgres.url, STORAGE_BACKEND: "memory" });
    app.get("/rows", async () => Object(await app.db.execute("select 1 as one")).rows);
    app.put("/file", async () => app.storage.put("a.txt", "hello"));
    await app.ready();
    expect((await app.inject("/rows")).statusCode).toBe(200);
    await postgres.stop();
    const refused = await app.inject("/rows");
    expect(refused.statusCode).toBeGreaterThanOrEqual(500);
    expect(refused.headers["content-type"]).toBe("application/problem+json");
    expect((await app.inject("/ping")).statusCode).toBe(200);
    expect((await app.inject({ method: "PUT", url: "/file" })).statusCode).toBe(200);
    await expect.poll(async () => (await probes()).failed).toEqual(["sql"]);
    expect(await probes()).toMatchObject({ live: 200, ready: 503 });
  });
});

describe("a full disk", () => {
  const why = "needs root and the right to mount a tmpfs";
  const isRoot = process.getuid?.() === 0;
  const isMountable =
    isRoot && spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0;

  it(`refuses uploads with 507, is named, and files are still read${isMountable ? "" : ` (${why})`}`, async ({
    skip,
  }) => {
    if (!isMountable) {
      app = await makeService();
      skip(why);
    }
    const folder = mkdtempSync(join(tmpdir(), "full-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]);
    try {
      app = await makeService({ STORAGE_BASE_PATH: folder });
      app.put("/small", async () => app.storage.put("small.txt", "hello"));
      app.put("/large", async () => app.storage.put("large.bin", Buffer.alloc(2_000_000)));
      app.get("/small", async () => app.storage.get("small.txt"));
      await app.ready();
      expect((await app.inject({ method: "PUT", url: "/small" })).statusCode).toBe(200);
      expect((await app.inject({ method: "PUT", url: "/large" })).statusCode).toBe(507);
      expect((await app.inject("/small")).body).toBe("hello");
      expect((await app.inject("/ping")).statusCode).toBe(200);
      expect(await probes()).toEqual({ live: 200, ready: 200, failed: ["storage-room"] });
      expect((await app.inject("/readyz")).json().status).toBe("degraded");
      expect((await app.inject({ method: "PUT", url: "/small" })).statusCode).toBe(200);
      await expect.poll(async () => (await probes()).failed).toEqual([]);
    } finally {
      await app.close();
      execFileSync("umount", ["-l", folder]);
      rmSync(folder, { recursive: true });
    }
  });
});
