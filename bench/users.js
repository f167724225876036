// @ts-check
// What requireUser costs beside a bare SQL lookup of session and user, both on one PostgreSQL, in turns; and how long the
// hashing of passwords keeps the event loop. Run with: node bench/users.js
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { generateDrizzleJson, generateMigration } from "drizzle-kit/api";
import { fastify } from "fastify";
import pg from "pg";
import { credentialHash } from "../dist/auth/credentials.js";
import * as tables from "../dist/auth/schema.js";
import { SignedValues } from "../dist/auth/signed-values.js";
import { addAuthUsers, addMail, addSqlDb, requireUser } from "../dist/index.js";
import { startPostgres } from "../test/rigs/postgres.js";

const rounds = Number(process.env.ROUNDS ?? 9);
const calls = 2_000;
const atOnce = 8;
const secret = "a-secret-of-more-than-thirty-two-characters";

const bySession = `select s.*, u.* from svc_infra_auth_sessions s join svc_infra_auth_users u on u.id = s.user_id
  where s.token = $1`;
const byKey = `select k.*, u.* from svc_infra_auth_api_keys k join svc_infra_auth_users u on u.id = k.user_id
  where k.hash = $1`;
/** @type {(index: number) => string} */
const tokenOf = (index) => `token-${index}`;

const rig = await startPostgres();
const folder = mkdtempSync(join(tmpdir(), "bench-users-"));
const app = fastify();
const sql = await addSqlDb(app, { url: rig.url, env: {}, autoMigrate: false });
const statements = await generateMigration(generateDrizzleJson({}), generateDrizzleJson({ ...tables }));
await sql.withConnection(async (connection) => {
  for (const each of statements) await connection.run(each);
});
await addMail(app, { folder, env: {} });
const users = await addAuthUsers(app, { secret, env: {} });
const pool = new pg.Pool({ connectionString: rig.url, max: 10 });
const { cookies, hashes, keys } = await fill();
const hook = requireUser();
app.get("/kit", { preHandler: hook }, async ({ user }) => user?.id);
app.get("/bare", async (request) => {
  const [cookie = ""] = [request.headers.cookie].flat();
  const { rows } = await pool.query(bySession, [
    credentialHash(decodeURIComponent(cookie).split(/[=.]/)[2] ?? ""),
  ]);
  return rows[0].user_id;
});
await app.ready();

await compare(
  "a session",
  0.5,
  (index) => pool.query(bySession, [credentialHash(tokenOf(index))]),
  (index) => users.find({ cookie: cookies[index] }),
);
await compare(
  "an API key",
  0.7,
  (index) => pool.query(byKey, [hashes[index]]),
  (index) => users.find({ "x-api-key": keys[index] }),
);
await compare(
  "a session, each behind a route of Fastify",
  0.5,
  (index) => inject("/bare", index),
  (index) => inject("/kit", index),
);
await measureHashing();
await app.close();
await pool.end();
await rig.stop();
rmSync(folder, { recursive: true, force: true });

/** @param {string} url @param {number} index */
async function inject(url, index) {
  const answer = await app.inject({ url, headers: { cookie: cookies[index] ?? "" } });
  if (answer.statusCode !== 200) throw new Error(`${url}: ${answer.statusCode} ${answer.body}`);
}

/** A thousand users with a session and an API key each. */
async function fill() {
  const count = 1_000;
  const values = new SignedValues([secret]);
  const made = {
    /** @type {string[]} */ cookies: [],
    /** @type {string[]} */ hashes: [],
    /** @type {string[]} */ keys: [],
  };
  for (let index = 0; index < count; index++) {
    const id = randomUUID();
    await pool.query("insert into svc_infra_auth_users (id, name, email) values ($1, $2, $3)", [
      id,
      "user",
      `${index}@example.com`,
    ]);
    await pool.query(
      `insert into svc_infra_auth_sessions (id, user_id, token, expires_at) values ($1, $2, $3, now() + interval '7 days')`,
      [randomUUID(), id, credentialHash(tokenOf(index))],
    );
    const { key } = await users.apiKeys.create({ userId: id, name: "robot", scopes: [] });
    made.keys.push(key);
    made.cookies.push(`auth.session_token=${encodeURIComponent(values.sign(`token-${index}`))}`);
  }
  const { rows } = await pool.query(
    `select hash from svc_infra_auth_api_keys k join svc_infra_auth_users u on u.id = k.user_id
     order by split_part(u.email, '@', 1)::int`,
  );
  made.hashes.push(...rows.map(({ hash }) => hash));
  await pool.query("analyze");
  return made;
}

/**
 * @param {string} what
 * @param {number} goal
 * @param {(index: number) => Promise<unknown>} bare
 * @param {(index: number) => Promise<unknown>} kit
 */
async function compare(what, goal, bare, kit) {
  for (const each of [bare, kit, bare, kit]) await run(each);
  /** @type {{ time: number, cpu: number }[]} */
  const ratios = [];
  for (let round = 0; round < rounds; round++) {
    const one = await run(bare);
    const other = await run(kit);
    ratios.push({ time: one.ms / other.ms, cpu: one.cpu / other.cpu });
  }
  const time = middle(ratios.map((each) => each.time));
  const cpu = middle(ratios.map((each) => each.cpu));
  const verdict = time >= goal ? "reached" : "NOT REACHED";
  console.log(
    `requireUser by ${what}: ${time.toFixed(2)} of a bare lookup by time, ${cpu.toFixed(2)} by CPU (goal ${goal}: ${verdict})`,
  );
}

/** @param {(index: number) => Promise<unknown>} call */
async function run(call) {
  const startedAt = performance.now();
  const before = process.cpuUsage();
  let left = calls;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left-- > 0) await call(left % 1_000);
    }),
  );
  const { user, system } = process.cpuUsage(before);
  return { ms: performance.now() - startedAt, cpu: (user + system) / calls };
}

/** Sign-ins of unknown addresses hash a password as those of known ones do. */
async function measureHashing() {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  const signIn = () =>
    app.inject({
      method: "POST",
      url: "/auth/sign-in/email",
      remoteAddress: `10.${[...randomBytes(3)].join(".")}`,
      payload: { email: `${randomUUID()}@example.com`, password: "wrong wrong wrong" },
    });
  await signIn();
  delays.enable();
  for (let round = 0; round < 20; round++) await Promise.all([signIn(), signIn()]);
  delays.disable();
  const longest = (delays.max / 1e6).toFixed(1);
  const usual = (delays.percentile(99) / 1e6).toFixed(1);
  console.log(`hashing: the event loop waits ${longest} ms at most, ${usual} ms in 99 % (goal 20)`);
}

/** @param {readonly number[]} values */
function middle(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
