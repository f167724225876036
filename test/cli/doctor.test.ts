import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { defineJob, easyJobs } from "svc-infra/jobs";
import { easySqlDb } from "svc-infra/sql";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { checkClock } from "#dist/cli/doctor/clock.js";
import { isInRange } from "#dist/cli/doctor/packages.js";
import { checkRuntime } from "#dist/cli/doctor/runtime.js";
import { backendRows } from "#dist/storage/backends.js";
import { startRedis } from "../rigs/redis.js";
import { CommandLine, freePort } from "./command-line.js";

let cli: CommandLine;
let port: number;
beforeEach(async () => {
  cli = new CommandLine();
  port = await freePort();
});
afterEach(() => cli.dispose());

interface Told {
  readonly area: string;
  readonly status: string;
  readonly message: string;
  readonly cure?: string;
}

async function examine(
  env: Record<string, string>,
): Promise<{ code: number | null; findings: readonly Told[] }> {
  const { code, stdout } = await cli.run(["doctor", "--json"], { PORT: String(port), ...env });
  return { code, findings: JSON.parse(stdout).findings };
}

it("finds no problem where nothing is set", async () => {
  const { code, findings } = await examine({});
  expect(code).toBe(0);
  expect(findings.filter(({ status }) => status === "problem")).toEqual([]);
});

it("has a cure for everything that is not ok", async () => {
  const { findings } = await examine({ PORT: "eighty", STORAGE_BUCKET: "x" });
  const wrong = findings.filter(({ status }) => status !== "ok");
  expect(wrong.length).toBeGreaterThan(1);
  for (const { cure } of wrong) expect(cure).toBeTruthy();
});

it("finds a setting that a service cannot use, as a bucket's name", async () => {
  const { code, findings } = await examine({ STORAGE_S3_BUCKET: "b" });
  expect(code).toBe(1);
  expect(findings).toContainEqual({
    area: "settings",
    status: "problem",
    message: expect.stringContaining("STORAGE_S3_BUCKET"),
    cure: expect.stringContaining("set the variable"),
  });
});

it("warns of a helper that another one needs, which code may turn on, and looks at the rest", async () => {
  const AUTH_SECRET = "a-secret-of-more-than-thirty-two-characters";
  const { code, findings } = await examine({ AUTH_SECRET, MAIL_FOLDER: cli.folder });
  expect(code).toBe(0);
  expect(findings.filter(({ status }) => status !== "ok" && status !== "warning")).toEqual([]);
  expect(findings).toContainEqual({
    area: "settings",
    status: "warning",
    message: expect.stringMatching(/^sql is off, and auth needs it \(AUTH_SECRET is set\)/),
    cure: "set one of SQL_URL, DATABASE_URL, DB_HOST, unless the code says sql: true",
  });
  expect(findings).toContainEqual(
    expect.objectContaining({ area: "connections", message: expect.stringMatching(/^mail answers/) }),
  );
  const broken = await examine({ AUTH_SECRET, HTTP_KEEP_ALIVE_TIMEOUT_MS: "never" });
  expect([broken.code, broken.findings.filter(({ status }) => status === "problem")]).toEqual([
    1,
    [expect.objectContaining({ message: expect.stringContaining("HTTP_KEEP_ALIVE_TIMEOUT_MS") })],
  ]);
});

it("looks at the folder that a service uses which is told to be local and not where", async () => {
  // The database keeps the service from being made, and with it that folder.
  const env = { STORAGE_BACKEND: "local", SQL_URL: `postgresql://shop@127.0.0.1:${port}/shop` };
  const { findings } = await examine({ ...env, PORT: String(await freePort()) });
  expect(findings).toContainEqual(
    expect.objectContaining({
      area: "folders",
      message: expect.stringMatching(/^(\/data\/uploads can be |\/\S* cannot be written$)/),
    }),
  );
});

it("finds a port that is taken", async () => {
  const squatter = createServer().listen(port, "127.0.0.1");
  await once(squatter, "listening");
  const { code, findings } = await examine({});
  squatter.close();
  expect(code).toBe(1);
  expect(findings).toContainEqual(
    expect.objectContaining({
      area: "port",
      status: "problem",
      message: expect.stringContaining("EADDRINUSE"),
    }),
  );
});

it("finds a database that is not there, without its password", async () => {
  const url = `postgresql://shop:hunter2@127.0.0.1:${port}/shop`;
  const { code, stdout } = await cli.run(["doctor"], { SQL_URL: url, PORT: "8123" });
  expect(code).toBe(1);
  expect(stdout).toMatch(/✗ connections .*SQL_URL/);
  expect(stdout).not.toContain("hunter2");
});

it("finds a folder that cannot be written", async () => {
  const file = join(cli.folder, "file");
  writeFileSync(file, "", { mode: 0o600 });
  const { code, findings } = await examine({ STORAGE_BASE_PATH: join(file, "below") });
  expect(code).toBe(1);
  expect(findings).toContainEqual(
    expect.objectContaining({
      area: "folders",
      status: "problem",
      message: `${file} cannot be written`,
      cure: expect.stringContaining("STORAGE_BASE_PATH"),
    }),
  );
});

it("knows why a volume of Railway cannot be written", async () => {
  const file = join(cli.folder, "volume");
  writeFileSync(file, "", { mode: 0o600 });
  const { findings } = await examine({ RAILWAY_VOLUME_MOUNT_PATH: file });
  expect(findings).toContainEqual(
    expect.objectContaining({
      area: "folders",
      status: "problem",
      cure: expect.stringContaining("RAILWAY_RUN_UID=0"),
    }),
  );
});

it("leaves the jobs of the real queue where they are", async () => {
  const redis = await startRedis();
  const env = {
    JOBS_DRIVER: "redis",
    REDIS_URL: redis.url,
    JOBS_QUEUE_PREFIX: "doctor",
    MAIL_FOLDER: cli.folder,
  };
  const foreign = defineJob("doctor-foreign", z.object({}), async () => undefined);
  const jobs = await easyJobs({}, { env });
  try {
    const id = await jobs.queue.enqueue(foreign, {});
    const { findings } = await examine(env);
    expect(findings).toContainEqual(
      expect.objectContaining({ message: expect.stringMatching(/^jobs answers/) }),
    );
    expect(await jobs.queue.find(id)).toMatchObject({ state: "waiting" });
  } finally {
    await jobs.close();
    await redis.stop();
  }
});

it("sets and ends no schedule of the real queue, and knows that it has not the jobs of the application", async () => {
  const redis = await startRedis();
  const queue = { JOBS_DRIVER: "redis", REDIS_URL: redis.url, JOBS_QUEUE_PREFIX: "schedules" };
  const jobs = await easyJobs({}, { env: queue });
  try {
    const cleanUp = defineJob("clean-up", z.object({}), async () => undefined);
    await jobs.scheduler.every(3_600_000, cleanUp, {}, { id: "env.clean-up" });
    for (const planned of [[], [{ job: "clean-up", everyMs: 1000 }]]) {
      const env = { ...queue, MAIL_FOLDER: cli.folder, JOBS_SCHEDULE_JSON: JSON.stringify(planned) };
      const { findings } = await examine(env);
      expect(findings.filter(({ status }) => status === "problem")).toEqual([]);
      expect(await jobs.scheduler.list()).toMatchObject([{ id: "env.clean-up" }]);
    }
  } finally {
    await jobs.close();
    await redis.stop();
  }
});

it("migrates no database", async () => {
  const migration = join(cli.folder, "migrations/20260101000000_notes");
  mkdirSync(migration, { recursive: true });
  const texts = {
    "up.sql": "create table notes (id int);",
    "down.sql": "drop table notes;",
    "schema.json": "{}",
  };
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(migration, name), text);
  const folder = join(cli.folder, "data");
  const env = { SQL_URL: `pglite:${folder}` };
  const { findings } = await examine(env);
  expect(findings).toContainEqual(
    expect.objectContaining({ message: expect.stringMatching(/^sql answers/) }),
  );
  const sql = await easySqlDb({}, { env });
  try {
    await expect(sql.db.execute("select * from notes")).rejects.toThrow();
  } finally {
    await sql.close();
  }
});

it("knows which Node is too old, and which gets no more fixes", () => {
  expect(checkRuntime("18.20.0")).toMatchObject([{ status: "problem" }]);
  expect(checkRuntime("20.19.0")).toMatchObject([{ status: "warning" }]);
  expect(checkRuntime("24.1.0")).toMatchObject([{ status: "ok" }]);
});

it("finds a clock that is wrong by more than a minute", async () => {
  for (const [skewMs, status] of [
    [0, "ok"],
    [-120_000, "problem"],
  ] as const) {
    const server = await serveAt(skewMs);
    expect(await checkClock(server.url)).toMatchObject([{ area: "clock", status }]);
    await server.stop();
  }
});

/** A service whose clock differs from that of this machine. */
async function serveAt(skewMs: number) {
  const server = createHttpServer((_request, response) => {
    response.setHeader("date", new Date(Date.now() + skewMs).toUTCString());
    response.statusCode = 403;
    response.end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("there is no port");
  const stop = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
  return { url: `http://127.0.0.1:${address.port}`, stop };
}

const key = Buffer.alloc(64).toString("base64");

/** What names each service, at an address. */
const services: Record<string, (url: string) => Record<string, string>> = {
  S3: (url) => ({ STORAGE_S3_BUCKET: "files", STORAGE_S3_ENDPOINT: url }),
  "Google Cloud Storage": (url) => ({ STORAGE_GCS_BUCKET: "files", STORAGE_GCS_ENDPOINT: url }),
  Azure: (url) => ({
    STORAGE_AZURE_CONTAINER: "files",
    STORAGE_AZURE_ACCOUNT: "shop",
    STORAGE_AZURE_ACCOUNT_KEY: key,
    STORAGE_AZURE_ENDPOINT: url,
  }),
  "Azure's connection string": (url) => ({
    STORAGE_AZURE_CONTAINER: "files",
    AZURE_STORAGE_CONNECTION_STRING: `AccountName=shop;AccountKey=${key};BlobEndpoint=${url}/shop`,
  }),
  "Cloudinary's URL": (url) => ({ CLOUDINARY_URL: `cloudinary://key:secret@cloud?upload_prefix=${url}` }),
};

it.each(Object.entries(services))(
  "compares the clock with that of %s, and tells the cure",
  async (_name, envAt) => {
    const server = await serveAt(600_000);
    const { code, findings } = await examine(envAt(server.url));
    await server.stop();
    expect(code).toBe(1);
    expect(findings).toContainEqual({
      area: "clock",
      status: "problem",
      message: expect.stringMatching(/^differs from 127\.0\.0\.1:\d+ by (599|600|601) s$/),
      cure: expect.stringContaining("NTP"),
    });
  },
);

it.each([
  ["s3", {}, "https://s3.us-east-1.amazonaws.com/"],
  ["s3", { AWS_REGION: "eu-central-1" }, "https://s3.eu-central-1.amazonaws.com/"],
  ["gcs", {}, "https://storage.googleapis.com"],
  ["azure", { STORAGE_AZURE_ACCOUNT: "shop" }, "https://shop.blob.core.windows.net"],
  ["cloudinary", { CLOUDINARY_URL: "cloudinary://key:secret@cloud" }, "https://api.cloudinary.com"],
  ["local", {}, undefined],
  ["memory", {}, undefined],
] as const)("knows where %s is reached with %j: %s", async (type, env, endpoint) => {
  expect(await backendRows[type].configure(env, {}).endpoint()).toBe(endpoint);
});

describe("a range of versions", () => {
  it.each([
    ["5.11.1", "^5.4.0 || ^6.0.0", true],
    ["6.2.0", "^5.4.0 || ^6.0.0", true],
    ["5.3.9", "^5.4.0", false],
    ["7.0.0", "^5.4.0 || ^6.0.0", false],
    ["0.45.4", "^0.45.2", true],
    ["0.46.0", "^0.45.2", false],
  ])("%s is in %s: %s", (version, range, isIn) => {
    expect(isInRange(version, range)).toBe(isIn);
  });
});
