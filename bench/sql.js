// @ts-check
// Rows over HTTP by addCrud against the same routes written by hand on pg, both on one PostgreSQL, in turns; then the start
// of the embedded database. Run with: node bench/sql.js
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { integer, pgTable, serial, text, timestamp } from "drizzle-orm/pg-core";
import { fastify } from "fastify";
import pg from "pg";
import { Pool } from "undici";
import { z } from "zod";
import { addCrud, addSqlDb } from "../dist/index.js";
import { easySqlDb } from "../dist/sql/index.js";
import { startPostgres } from "../test/rigs/postgres.js";

const script = fileURLToPath(import.meta.url);
const rounds = 7;
const roundMs = 1_500;
const connections = 8;
const goal = 0.75;

const notes = pgTable("notes", {
  id: serial("id").primaryKey(),
  title: text("title").notNull(),
  rank: integer("rank").notNull(),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});

/** @type {Readonly<Record<string, () => Promise<void>>>} */
const parts = { load, start, compare };
await (parts[process.argv[2] ?? "compare"] ?? compare)();

async function compare() {
  const rig = await startPostgres();
  const [kit, hand] = [await startKit(rig.url), await startHand(rig.url)];
  for (const verb of ["list", "create"]) {
    /** @type {number[]} */
    const ratios = [];
    for (let round = 0; round < rounds; round++) {
      await fill(rig.url);
      const own = await runLoad(verb, kit.url);
      await fill(rig.url);
      ratios.push(own / (await runLoad(verb, hand.url)));
    }
    const middle = ratios.sort((a, b) => a - b)[(rounds - 1) / 2] ?? 0;
    console.log(`${verb}: ${middle.toFixed(2)} of a handler written by hand (goal ${goal})`);
    if (middle < goal) process.exitCode = 1;
  }
  for (const { app } of [kit, hand]) await app.close();
  await rig.stop();
  await (await easySqlDb({ url: "pglite:memory" }, { env: {} })).close();
  const child = fork(script, ["start"]);
  await once(child, "exit");
}

/** A warm start: the prepared database is in the cache. */
async function start() {
  const startedAt = performance.now();
  const sql = await easySqlDb({ url: "pglite:memory" }, { env: {} });
  await sql.ping();
  const ms = Math.round(performance.now() - startedAt);
  const megabytes = Math.round(process.memoryUsage.rss() / 2 ** 20);
  console.log(`embedded: ${ms} ms (goal 1500), ${megabytes} MiB resident (goal 400)`);
  await sql.close();
}

/** @param {string} url */
async function startKit(url) {
  const app = fastify();
  await addSqlDb(app, { url, env: {}, autoMigrate: false });
  await addCrud(app, notes, { authorize: "open", sorts: ["createdAt"] });
  return { app, url: await app.listen({ port: 0, host: "127.0.0.1" }) };
}

/** @param {string} connectionString */
async function startHand(connectionString) {
  const app = fastify();
  const pool = new pg.Pool({ connectionString, max: 10 });
  app.addHook("onClose", () => pool.end());
  const columns = 'id, title, rank, created_at as "createdAt"';
  const query = z.object({ limit: z.coerce.number().int().min(1).max(100).default(20) });
  const body = z.object({ title: z.string(), rank: z.int() }).strict();
  app.get("/notes", async (request) => {
    const { limit } = query.parse(request.query);
    const { rows } = await pool.query(`select ${columns} from notes order by id limit $1`, [limit]);
    return { items: rows };
  });
  app.post("/notes", async (request, reply) => {
    const { title, rank } = body.parse(request.body);
    const insert = `insert into notes (title, rank) values ($1, $2) returning ${columns}`;
    const { rows } = await pool.query(insert, [title, rank]);
    return reply.code(201).send(rows[0]);
  });
  return { app, url: await app.listen({ port: 0, host: "127.0.0.1" }) };
}

/** @param {string} connectionString */
async function fill(connectionString) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query(`drop table if exists notes; create table notes (id serial primary key, title text not null,
    rank int not null, created_at timestamptz not null default now());
    insert into notes (title, rank) select 'note ' || i, i from generate_series(1, 1000) i; analyze notes`);
  await client.end();
}

/**
 * @param {string} verb
 * @param {string} url
 * @returns {Promise<number>} answers in a second.
 */
async function runLoad(verb, url) {
  const child = fork(script, ["load", verb, url]);
  const [rate] = await once(child, "message");
  return rate;
}

/** The caller, in a process of its own. */
async function load() {
  const [verb, origin = ""] = process.argv.slice(3);
  const pool = new Pool(origin, { connections });
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ title: "a new note", rank: 7 });
  const call = () =>
    verb === "list"
      ? pool.request({ path: "/notes?limit=20", method: "GET" })
      : pool.request({ path: "/notes", method: "POST", headers, body });
  const run = async (/** @type {number} */ forMs) => {
    const startedAt = performance.now();
    let answers = 0;
    const one = async () => {
      while (performance.now() - startedAt < forMs) {
        const { statusCode, body: answer } = await call();
        await answer.dump();
        if (statusCode >= 300) throw new Error(`${verb} was answered ${statusCode}`);
        answers++;
      }
    };
    await Promise.all(Array.from({ length: connections }, one));
    return answers / ((performance.now() - startedAt) / 1000);
  };
  await run(roundMs / 3);
  process.send?.(await run(roundMs));
  await pool.close();
}
