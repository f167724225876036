import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eq, sql } from "drizzle-orm";
import { integer, pgTable, text, timestamp } from "drizzle-orm/pg-core";
import { fastify } from "fastify";
import { addSqlDb, getSqlDb, sqlPlugin } from "svc-infra";
import { ConfigurationError } from "svc-infra/kernel";
import { type EasySqlDbContext, easySqlDb } from "svc-infra/sql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Databases, kinds } from "./databases.js";

const users = pgTable("users", {
  id: integer("id").primaryKey(),
  email: text("email").notNull().unique(),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});
const createUsers = sql`create table users
  (id int primary key, email text not null unique, created_at timestamptz not null default now())`;

let databases: Databases;

beforeAll(async () => {
  databases = await Databases.start();
});
afterAll(() => databases.stop());

/** A logger that keeps what it hears. */
function listening() {
  const lines: { level: string; facts: Record<string, unknown>; message: string }[] = [];
  const method = (level: string) => (facts: object | string, message?: string) =>
    void lines.push({ level, facts: Object(facts), message: message ?? String(facts) });
  const log = { debug: method("debug"), info: method("info"), warn: method("warn"), error: method("error") };
  return { lines, log };
}

describe.each(kinds)("addSqlDb on %s", (kind) => {
  async function createApp(options = {}) {
    const app = fastify();
    const url = await databases.url(kind);
    await addSqlDb(app, { url, env: {}, ...options });
    await app.db.execute(createUsers);
    return app;
  }

  it("decorates the app with the query builder and the database", async () => {
    const app = await createApp();
    await app.db.insert(users).values({ id: 1, email: "a@example.com" });
    const [row] = await app.db.select().from(users).where(eq(users.id, 1));
    expect(row).toMatchObject({ id: 1, email: "a@example.com", createdAt: expect.any(Date) });
    expect(app.sql.kind).toBe(kind);
    expect(getSqlDb(app)).toBe(app.sql);
    await app.close();
  });

  it("undoes a transaction that throws", async () => {
    const app = await createApp();
    const broken = app.db.transaction(async (tx) => {
      await tx.insert(users).values({ id: 1, email: "a@example.com" });
      throw new Error("changed my mind");
    });
    await expect(broken).rejects.toThrow("changed my mind");
    expect(await app.db.select().from(users)).toEqual([]);
    await app.close();
  });

  it("is found from a request, also inside an encapsulated plugin with a prefix", async () => {
    const app = await createApp();
    await app.register(
      async (scope) => {
        scope.get("/kind", async (request) => ({ kind: getSqlDb(request).kind }));
      },
      { prefix: "/v1" },
    );
    expect((await app.inject("/v1/kind")).json()).toEqual({ kind });
    await app.close();
  });

  it("joins the health of the app with its kind and its pool", async () => {
    const app = await createApp();
    expect((await app.inject("/readyz")).json().checks).toHaveProperty("sql");
    const { status, ...facts } = (await app.inject("/_health/sql")).json();
    expect(status).toBe("ok");
    expect(facts).toMatchObject({ kind, pool: { maxConnections: kind === "embedded" ? 1 : 10, waiting: 0 } });
    await app.close();
  });

  it("closes with the app, after the hooks that were added later", async () => {
    const app = await createApp();
    let rows: unknown;
    app.addHook("onClose", async () => {
      rows = await app.db.select().from(users);
    });
    await app.close();
    expect(rows).toEqual([]);
    await expect(app.sql.ping()).rejects.toThrow();
    await app.sql.close();
  });

  it("logs a slow query without any of its values", async () => {
    const { lines, log } = listening();
    const db = await easySqlDb({ url: await databases.url(kind), slowQueryMs: 1 }, { env: {}, log });
    const work = sql`select count(*), ${"tell@nobody"}::text, 'nor this' from generate_series(1, 300000)`;
    await db.db.execute(work);
    await db.db.transaction((tx) => tx.execute(work));
    const slow = lines.filter(({ message }) => message.includes("SQL_SLOW_QUERY_MS"));
    expect(slow.filter(({ facts }) => String(facts.query).includes("generate_series"))).toHaveLength(2);
    expect(slow[0]?.facts).toMatchObject({ values: 1, ms: expect.any(Number) });
    expect(JSON.stringify(slow)).not.toMatch(/tell@nobody|nor this/);
    await db.close();
  });

  it.each([
    ["with backslashes", "e'a\\'nor this'"],
    ["in dollars", "$$nor this$$"],
    ["in dollars with a tag", "$t_1$a $$ nor this$t_1$"],
    ["with two quotes", "'a''nor this'"],
  ])("logs a slow query without a literal %s", async (_, literal) => {
    const { lines, log } = listening();
    const db = await easySqlDb({ url: await databases.url(kind), slowQueryMs: 1 }, { env: {}, log });
    await db.db.execute(sql.raw(`select count(*) as kept, ${literal} from generate_series(1, 300000)`));
    const logged = JSON.stringify(lines.filter(({ message }) => message.includes("SQL_SLOW_QUERY_MS")));
    expect(logged).toContain("as kept, '***' from generate_series");
    expect(logged).not.toContain("nor this");
    await db.close();
  });

  it("keeps the values of a failed query out of the error", async () => {
    const app = await createApp();
    const insert = () => app.db.insert(users).values({ id: 1, email: "tell@nobody" });
    await insert();
    for (const query of [
      insert,
      () => app.db.transaction((tx) => tx.insert(users).values({ id: 1, email: "tell@nobody" })),
    ]) {
      const error: unknown = await query().catch((thrown: unknown) => thrown);
      const all = JSON.stringify([Object(error).message, error, Object(error).cause, Object(error).stack]);
      expect(all).toContain("insert into");
      expect(all).not.toContain("tell@nobody");
      expect(Object(error).cause).toMatchObject({ code: "23505" });
    }
    const wrongType = await app.db
      .execute(sql`select ${"tell@nobody"}::uuid`)
      .catch((thrown: unknown) => thrown);
    expect(JSON.stringify([Object(wrongType).cause.message, Object(wrongType).cause.stack])).not.toContain(
      "tell@nobody",
    );
    await app.close();
  });

  it.each([
    ["a number out of range", sql`select ${"8765432198765"}::text::int`, "8765432198765"],
    ["text that is no JSON", sql`select ${'{"a": tell}'}::json`, "tell"],
  ])("keeps a value out of the words of PostgreSQL: %s", async (_, query, value) => {
    const app = await createApp();
    const error: unknown = await app.db.execute(query).catch((thrown: unknown) => thrown);
    const { cause } = Object(error);
    expect(cause.code).toMatch(/^22/);
    const words = [cause.message, cause.stack, cause.detail, cause.where, Object(error).message];
    expect(JSON.stringify(words)).not.toContain(value);
    await app.close();
  });

  it("gives work one connection of its own", async () => {
    const app = await createApp();
    const seen = await app.sql.withConnection(async (connection) => {
      await connection.run("create temp table t (id int); insert into t values (1), (2)");
      return connection.query("select id from t where id > $1", [1]);
    });
    expect(seen).toEqual([{ id: 2 }]);
    await app.close();
  });
});

describe("addSqlDb", () => {
  it("is a plugin, too", async () => {
    const app = fastify();
    await app.register(sqlPlugin, { url: await databases.url("postgres"), env: {} });
    expect(await app.db.execute(sql`select 1 as one`)).toMatchObject({ rows: [{ one: 1 }] });
    await app.close();
  });

  it("says which call is missing, and which came twice", async () => {
    const app = fastify();
    expect(() => getSqlDb(app)).toThrow("call 'await addSqlDb(app)' first");
    const url = await databases.url("postgres");
    await addSqlDb(app, { url, env: {} });
    await expect(addSqlDb(app, { url, env: {} })).rejects.toThrow("called twice");
    await app.close();
  });

  it("says where the database is that does not answer, and not with which password", async () => {
    const url = "postgresql://shop:hunter2@127.0.0.1:1/shop";
    const error: unknown = await addSqlDb(fastify(), { env: { SQL_URL: url } }).catch(
      (thrown: unknown) => thrown,
    );
    expect(String(error)).toMatch(
      /the database shop on 127\.0\.0\.1:1 does not answer \(SQL_URL\): .*ECONNREFUSED/,
    );
    expect(JSON.stringify([error, Object(error).stack])).not.toContain("hunter2");
  });

  it("stops a statement at its timeout, and the connection can be used again", async () => {
    const url = await databases.url("postgres");
    const db = await easySqlDb({ url, statementTimeoutMs: 100, poolSize: 1 }, { env: {} });
    const slow: unknown = await db.db.execute(sql`select pg_sleep(30)`).catch((thrown: unknown) => thrown);
    expect(Object(slow).cause).toMatchObject({ code: "57014" });
    await db.ping();
    await db.close();
  });

  it("lets a query wait for a connection no longer than SQL_POOL_TIMEOUT_MS", async () => {
    const url = await databases.url("postgres");
    const db = await easySqlDb({ url, poolSize: 1, poolTimeoutMs: 100 }, { env: {} });
    await db.withConnection(async () => {
      const waiting = db.ping();
      expect(db.metrics()).toEqual({ maxConnections: 1, connections: 1, idle: 0, waiting: 1 });
      await expect(waiting).rejects.toThrow("timeout");
    });
    await db.ping();
    await db.close();
  });

  it("survives that the server ends its idle connections", async () => {
    const { lines, log } = listening();
    const url = await databases.url("postgres");
    const db = await easySqlDb({ url }, { env: {}, log });
    const other = await easySqlDb({ url }, { env: {} });
    await db.ping();
    const end = sql`select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()`;
    await other.db.execute(end);
    await expect
      .poll(() => lines.map(({ message }) => message).join())
      .toContain("broke while it was not in use");
    await db.ping();
    for (const each of [db, other]) await each.close();
  });
});

describe("migrations at start", () => {
  let migrationsDir: string;

  beforeAll(() => {
    migrationsDir = mkdtempSync(join(tmpdir(), "svc-infra-at-start-"));
    const migration = join(migrationsDir, "20260101000000_notes");
    mkdirSync(migration);
    writeFileSync(join(migration, "up.sql"), "create table notes (id int);\n");
    writeFileSync(join(migration, "down.sql"), "drop table notes;\n");
  });
  afterAll(() => rmSync(migrationsDir, { recursive: true }));

  it.each([
    [{}, {}, true],
    [{ SQL_AUTO_MIGRATE: "false" }, {}, false],
    [{ APP_ENV: "prod" }, {}, false],
    [{ APP_ENV: "prod", SQL_AUTO_MIGRATE: "true" }, {}, true],
    [{ APP_ENV: "prod" }, { autoMigrate: true }, true],
  ])("with %j and %j they are applied: %s", async (env, options, isApplied) => {
    const app = fastify();
    const url = await databases.url("postgres");
    await addSqlDb(app, { url, env: { ...env, SQL_MIGRATIONS_DIR: migrationsDir }, ...options });
    const { rows } = Object(await app.db.execute(sql`select to_regclass('notes') is not null as there`));
    expect(rows).toEqual([{ there: isApplied }]);
    expect(await app.sql.migrate()).toEqual(isApplied ? [] : ["20260101000000_notes"]);
    await app.close();
  });
});

describe("which database is meant", () => {
  const open = (env: EasySqlDbContext["env"] & object, options = {}) => easySqlDb(options, { env });

  it("an option beats SQL_URL, which beats DATABASE_URL, which beats DB_HOST", async () => {
    const good = new URL(await databases.url("postgres"));
    const parts = {
      DB_HOST: good.hostname,
      DB_PORT: good.port,
      DB_NAME: good.pathname.slice(1),
      DB_PARAMS: "application_name=shop",
    };
    const nowhere = "postgresql://nobody@127.0.0.1:1/nowhere";
    const cases = [
      [{ SQL_URL: nowhere }, { url: good.href }],
      [{ SQL_URL: good.href, DATABASE_URL: nowhere }, {}],
      [{ DATABASE_URL: good.href, DB_HOST: "nowhere.invalid" }, {}],
      [parts, {}],
    ] as const;
    for (const [env, options] of cases) {
      const db = await open(env, options);
      await db.ping();
      await db.close();
    }
    const db = await open(parts);
    expect(await db.db.execute(sql`show application_name`)).toMatchObject({
      rows: [{ application_name: "shop" }],
    });
    await db.close();
  });

  it("nothing means the embedded one in memory, with a warning, and is an error in production", async () => {
    const { lines, log } = listening();
    const db = await easySqlDb({}, { env: {}, log });
    expect(db).toMatchObject({ kind: "embedded", folder: undefined });
    expect(lines.some(({ level, message }) => level === "warn" && message.includes("will be lost"))).toBe(
      true,
    );
    await db.close();
    await expect(open({ APP_ENV: "prod" })).rejects.toThrow(
      /SQL_URL: is not set, and production has no default/,
    );
    const asked = await open({ APP_ENV: "prod", SQL_URL: "pglite:memory" });
    await asked.close();
  });

  it.each([
    ["mysql://a@b/c", "is not a URL of a database"],
    ["postgresql://a:b%zz@c/d", "is not a URL of a database"],
    ["postgresql://a@b/c?schema=public", "has the parameter 'schema'"],
    ["postgresql://a@b/c?sslmode=prefer", "has sslmode=prefer; expected one of disable, require"],
    ["pglite:", "names no folder"],
  ])("%s is an error that names the variable", async (url, message) => {
    const error: unknown = await open({ SQL_URL: url }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(String(error)).toContain(`SQL_URL: ${message}`);
  });

  it("a connection to another host without TLS is warned of in production", async () => {
    const { lines, log } = listening();
    const env = { APP_ENV: "prod", SQL_URL: "postgresql://a@db.example.com/c" };
    await (await easySqlDb({}, { env, log })).close();
    expect(lines.filter(({ level }) => level === "warn")).toMatchObject([
      { message: expect.stringContaining("not encrypted") },
    ]);
  });
});
