import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { defineJob, easyJobs } from "svc-infra/jobs";
import { easySqlDb } from "svc-infra/sql";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { CommandLine } from "../cli/command-line.js";
import { outboxTable } from "../jobs/outbox-table.js";
import { startPostgres } from "../rigs/postgres.js";
import { startRedis } from "../rigs/redis.js";

const soon = { timeout: 30_000, interval: 50 };
const registry = `
import { appendFileSync } from "node:fs";
import { defineJob } from "svc-infra/jobs";
import { z } from "zod";

export const sample = defineJob("sample", z.object({ to: z.string() }), ({ to }) => appendFileSync("done.txt", to + "\\n"));
export const broken = defineJob("broken", z.number(), () => { throw new Error("it is broken"); }, { attempts: 1 });
export const slow = defineJob("slow", z.number(), async () => {
  appendFileSync("done.txt", "slow began\\n");
  await new Promise((done) => setTimeout(done, 500));
  appendFileSync("done.txt", "slow ended\\n");
});
export const answer = 42;
`;
const sample = defineJob("sample", z.object({ to: z.string() }), () => undefined);
const broken = defineJob("broken", z.number(), () => undefined, { attempts: 1 });
const slow = defineJob("slow", z.number(), () => undefined);

let cli: CommandLine;

beforeEach(() => {
  cli = new CommandLine();
  mkdirSync(join(cli.folder, "node_modules"));
  symlinkSync(resolve("."), join(cli.folder, "node_modules/svc-infra"));
  symlinkSync(resolve("node_modules/zod"), join(cli.folder, "node_modules/zod"));
  write("jobs.mjs", registry);
});
afterEach(() => cli.dispose());

const write = (file: string, text: string) => writeFileSync(join(cli.folder, file), text);
const done = () => {
  const file = join(cli.folder, "done.txt");
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
};

const servers = {
  postgres: async () => {
    const rig = await startPostgres();
    const sql = await easySqlDb({ url: rig.url }, { env: {} });
    const jobs = await easyJobs({ driver: "postgres", sql }, { env: {} });
    const close = async () => {
      await jobs.close();
      await sql.close();
      await rig.stop();
    };
    return { env: { SQL_URL: rig.url, JOBS_DRIVER: "postgres" }, queue: jobs.queue, close };
  },
  redis: async () => {
    const rig = await startRedis();
    const jobs = await easyJobs({ redisUrl: rig.url }, { env: {} });
    const close = async () => {
      await jobs.close();
      await rig.stop();
    };
    return { env: { REDIS_URL: rig.url }, queue: jobs.queue, close };
  },
} as const;

describe.each(["postgres", "redis"] as const)("jobs in %s", (name) => {
  it("a worker handles a sample job, ends the running one at SIGTERM, and a dead one is listed, retried and purged", async () => {
    const { env, queue, close } = await servers[name]();
    try {
      await queue.enqueue(sample, { to: "ada" });
      const deadId = await queue.enqueue(broken, 1);
      const worker = cli.start(["jobs", "run", "--registry", "./jobs.mjs"], env);
      await expect.poll(done, soon).toEqual(["ada"]);
      await expect.poll(async () => (await queue.list("dead")).length, soon).toBe(1);

      await queue.enqueue(slow, 1);
      await expect.poll(done, soon).toContain("slow began");
      const ended = await worker.stop();
      expect(done()).toEqual(["ada", "slow began", "slow ended"]);
      expect(ended.code).toBe(0);
      expect(ended.stdout).toContain("jobs.mjs: broken, sample, slow; no jobs: answer");
      expect(ended.stdout).toContain("Closed.");
      expect(ended.stderr).toContain("it is broken");

      const listed = await cli.run(["jobs", "list"], env);
      expect(listed).toMatchObject({ code: 0, stdout: `${deadId}  broken  1 failed: it is broken\n` });
      expect(await cli.run(["jobs", "retry", deadId], env)).toMatchObject({
        code: 0,
        stdout: "1 of the dead jobs starts over.\n",
      });
      expect((await cli.run(["jobs", "list", "--state", "waiting"], env)).stdout).toContain(deadId);
      const again = cli.start(["jobs", "run"], { ...env, JOBS_REGISTRY: "jobs.mjs" });
      await expect.poll(async () => (await queue.list("dead")).length, soon).toBe(1);
      await again.stop();
      expect((await cli.run(["jobs", "purge", "--all"], env)).stdout).toBe(
        "1 of the dead jobs was forgotten.\n",
      );
      expect((await cli.run(["jobs", "list"], env)).stdout).toBe("No job is dead.\n");
      for (const [verb, told] of [
        ["retry", { retried: 0 }],
        ["purge", { purged: 0 }],
      ] as const) {
        const { code, stdout } = await cli.run(["jobs", verb, deadId, "--json"], env);
        expect([code, JSON.parse(stdout)]).toEqual([1, told]);
      }
    } finally {
      await close();
    }
  });
});

it("a row of the outbox that the queue refuses to the end is listed, retried and purged", async () => {
  const { env, queue, close } = await servers.postgres();
  const sql = await easySqlDb({ url: env.SQL_URL }, { env: {} });
  try {
    const id = randomUUID();
    const poison = { name: "sample", payload: {}, attempts: 1, delayMs: 0, priority: 0 };
    const row = JSON.stringify({ ...poison, backoff: { type: "fixed", delayMs: 1, jitter: 7 } });
    // The worker may be about to note an attempt that it began before.
    const die = async (write: string) => {
      const deadAfterWrite = async () => {
        await sql.db.execute(write);
        return queue.list("dead");
      };
      await expect.poll(deadAfterWrite, soon).toHaveLength(1);
    };
    await sql.db.execute(outboxTable);
    await die(`insert into svc_infra_outbox (id, key, job, failed_attempts, retry_at)
      values ('${id}', 'k', '${row}', 14, now()) on conflict do nothing`);
    const listed = await cli.run(["jobs", "list"], env);
    expect(listed.stdout).toMatch(
      new RegExp(`^${id}  sample  15 failed: the queue refused it: .*jitter`, "i"),
    );
    const retried = await cli.run(["jobs", "retry", id], env);
    expect(retried).toMatchObject({ code: 0, stdout: "1 of the dead jobs starts over.\n" });
    await die(
      "update svc_infra_outbox set failed_attempts = 14, retry_at = now() where failed_attempts < 14",
    );
    const purged = await cli.run(["jobs", "purge", "--all"], env);
    expect(purged).toMatchObject({ code: 0, stdout: "1 of the dead jobs was forgotten.\n" });
    expect(Object(await sql.db.execute("select id from svc_infra_outbox")).rows).toEqual([]);
  } finally {
    await sql.close();
    await close();
  }
});

it("a command that lists, retries or purges relays nothing of the outbox", async () => {
  const rig = await startPostgres();
  const env = { SQL_URL: rig.url, JOBS_DRIVER: "postgres" };
  const sql = await easySqlDb({ url: rig.url }, { env: {} });
  try {
    await sql.db.execute(outboxTable);
    const job = { name: "sample", payload: {}, attempts: 1, delayMs: 0, priority: 0 };
    const row = JSON.stringify({ ...job, backoff: { type: "fixed", delayMs: 1 } });
    await sql.db.execute(`insert into svc_infra_outbox (id, job) values ('${randomUUID()}', '${row}')`);
    for (const args of [["list"], ["retry", "--all"], ["purge", "--all"]]) {
      expect(await cli.run(["jobs", ...args], env)).toMatchObject({ code: 0 });
    }
    expect(Object(await sql.db.execute("select id from svc_infra_outbox")).rows).toHaveLength(1);
  } finally {
    await sql.close();
    await rig.stop();
  }
});

it.each([
  { REDIS_URL: "redis://:hunter2@127.0.0.1:1" },
  { SQL_URL: "postgresql://shop:hunter2@127.0.0.1:1/shop", JOBS_DRIVER: "postgres" },
])("a server that does not answer is told by its variable, without a stack: %j", async (env) => {
  const { code, stderr } = await cli.run(["jobs", "list"], env);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^(Redis|PostgreSQL) does not answer \((REDIS_URL|SQL_URL)\): .*\n$/);
  expect(stderr).not.toContain("hunter2");
});

describe("jobs in memory", () => {
  const env = { JOBS_DRIVER: "memory", JOBS_REGISTRY: "jobs.mjs" };

  it("a worker handles the sample that its module enqueues", async () => {
    write(
      "jobs.mjs",
      `${registry}export const setUp = ({ queue }) => queue.enqueue(sample, { to: "grace" });\n`,
    );
    const worker = cli.start(["jobs", "run"], env);
    await expect.poll(done, soon).toEqual(["grace"]);
    expect(await worker.stop()).toMatchObject({ code: 0, stderr: "" });
  });

  it.each([[["run"]], [["list"]], [["retry", "--all"]], [["purge", "1"]]])(
    "%j is refused, as no other process reaches them",
    async (args) => {
      const { code, stderr } = await cli.run(["jobs", ...args], env);
      expect(code).toBe(1);
      expect(stderr).toMatch(/JOBS_DRIVER: .*REDIS_URL.*SQL_URL/);
    },
    30_000,
  );
});

describe("the module of the jobs", () => {
  it.each([
    ["is not named", {}, /JOBS_REGISTRY: .*--registry/],
    ["is not there", { JOBS_REGISTRY: "none.mjs" }, /none\.mjs, and there is no such file/],
    ["throws", { JOBS_REGISTRY: "throws.mjs" }, /throws\.mjs cannot be loaded: TypeError: no such thing/],
    ["has no job", { JOBS_REGISTRY: "empty.mjs" }, /empty\.mjs exports no job.*alike, answer/],
  ])(
    "that %s is told",
    async (_what, env, expected) => {
      write("throws.mjs", `throw new TypeError("no such thing");`);
      write("empty.mjs", `export const alike = { name: "a", handle() {} }; export const answer = 42;`);
      const { code, stderr } = await cli.run(["jobs", "run"], env);
      expect(code).toBe(1);
      expect(stderr.replaceAll("\n", " ")).toMatch(expected);
    },
    30_000,
  );
});
