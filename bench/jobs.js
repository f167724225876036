// @ts-check
// Jobs that do nothing, enqueued and handled by easyJobs against bare BullMQ, on one Redis and on one PostgreSQL, in turns.
// Run with: node bench/jobs.js
import { createPostgresBackend, Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { z } from "zod";
import { defineJob, easyJobs } from "../dist/jobs/index.js";
import { easySqlDb } from "../dist/sql/index.js";
import { startPostgres } from "../test/rigs/postgres.js";
import { startRedis } from "../test/rigs/redis.js";

const jobs = Number(process.env.BENCH_JOBS ?? 10_000);
const rounds = 5;
const concurrency = 8;
/** Calls of `enqueue` at the same time. */
const callers = 16;
const goal = 0.8;

/**
 * What is measured: enqueues one job, and tells each that was handled.
 *
 * @typedef {object} Contender
 * @property {(number: number) => Promise<unknown>} enqueue
 * @property {() => Promise<void>} close
 *
 * @typedef {(name: string, onHandled: () => void) => Promise<Contender>} Open
 */

for (const [server, start] of Object.entries({ redis: onRedis, postgres: onPostgres })) {
  const { kit, bare, stop } = await start();
  /** @type {{ wall: number, cpu: number }[]} */
  const ratios = [];
  try {
    for (let round = 0; round < rounds; round++) {
      const isKitFirst = round % 2 === 0;
      const first = await run(isKitFirst ? kit : bare, `first-${round}`);
      const second = await run(isKitFirst ? bare : kit, `second-${round}`);
      const [own, other] = isKitFirst ? [first, second] : [second, first];
      ratios.push({ wall: other.wallMs / own.wallMs, cpu: other.cpuMs / own.cpuMs });
      console.log(`  ${server}: kit ${shown(own)}, bare ${shown(other)}`);
    }
  } finally {
    await stop();
  }
  const [wall, cpu] = [middle(ratios.map((each) => each.wall)), middle(ratios.map((each) => each.cpu))];
  console.log(
    `${server}: ${wall.toFixed(2)} of bare BullMQ by time, ${cpu.toFixed(2)} by CPU (goal ${goal})`,
  );
  if (wall < goal) process.exitCode = 1;
}

/**
 * @param {Open} open
 * @param {string} name - of the queue.
 */
async function run(open, name) {
  let handled = 0;
  /** @type {() => void} */
  let end = () => undefined;
  const ended = new Promise((resolve) => {
    end = () => resolve(undefined);
  });
  const { enqueue, close } = await open(name, () => ++handled === jobs && end());
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const numbers = Array(jobs).keys();
  const call = async () => {
    for (const number of numbers) await enqueue(number);
  };
  await Promise.all([...Array.from({ length: callers }, call), ended]);
  const wallMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  await close();
  return { wallMs, cpuMs: (user + system) / 1_000 };
}

async function onRedis() {
  const rig = await startRedis();
  /** @type {Open} */
  const kit = (name, onHandled) => openKit({ redisUrl: rig.url, queue: name }, onHandled);
  /** @type {Open} */
  const bare = async (name, onHandled) => {
    const connection = new Redis(rig.url, { maxRetriesPerRequest: null });
    const options = { connection, prefix: "bare" };
    const queue = new Queue(name, options);
    const worker = new Worker(name, async () => onHandled(), { ...options, concurrency });
    await worker.waitUntilReady();
    return {
      enqueue: (number) => queue.add("noop", { number }, { attempts: 5, removeOnComplete: true }),
      close: async () => {
        await worker.close();
        await queue.close();
        connection.disconnect();
      },
    };
  };
  return { kit, bare, stop: () => rig.stop() };
}

async function onPostgres() {
  const rig = await startPostgres();
  const sql = await easySqlDb({ url: rig.url }, { env: {} });
  /** @type {Open} */
  const kit = (name, onHandled) => openKit({ driver: "postgres", sql, queue: name }, onHandled);
  /** @type {Open} */
  const bare = async (name, onHandled) => {
    const connection = { connectionString: rig.url, max: 4, schema: "bare", migrate: true };
    const queue = new Queue(name, { connection }, /** @type {never} */ (createPostgresBackend));
    await queue.waitUntilReady();
    const worker = new Worker(
      name,
      async () => onHandled(),
      { connection, concurrency },
      /** @type {never} */ (createPostgresBackend),
    );
    await worker.waitUntilReady();
    return {
      enqueue: (number) => queue.add("noop", { number }, { attempts: 5, removeOnComplete: true }),
      close: async () => {
        await worker.close();
        await queue.close();
      },
    };
  };
  const stop = async () => {
    await sql.close();
    await rig.stop();
  };
  return { kit, bare, stop };
}

/**
 * @param {import("../dist/jobs/index.js").EasyJobsOptions} options
 * @param {() => void} onHandled
 * @returns {Promise<Contender>}
 */
async function openKit(options, onHandled) {
  const noop = defineJob("noop", z.object({ number: z.number() }), onHandled);
  const opened = await easyJobs({ ...options, jobs: [noop], concurrency }, { env: {} });
  return { enqueue: (number) => opened.queue.enqueue(noop, { number }), close: () => opened.close() };
}

/** @param {readonly number[]} values */
function middle(values) {
  return values.toSorted((a, b) => a - b)[(values.length - 1) / 2] ?? 0;
}

/** @param {{ wallMs: number, cpuMs: number }} measured */
function shown({ wallMs, cpuMs }) {
  return `${Math.round(wallMs)} ms (CPU ${Math.round(cpuMs)} ms)`;
}
