import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import fastifyPlugin from "fastify-plugin";
import { joinHealth } from "../health/index.js";
import { type AnyApp, type AnyRequest, appOf, fastifyOf } from "../http/index.js";
import {
  appEnvOf,
  ConfigurationError,
  type Environment,
  loadSettings,
  readEnvironment,
} from "../kernel/index.js";
import { type EasySqlDbOptions, easySqlDb } from "./easy-sql-db.js";
import { migrationVariables } from "./migrations/settings.js";
import type { Database, SqlDb } from "./sql-db.js";

declare module "fastify" {
  interface FastifyInstance {
    /** The query builder of the database that `addSqlDb` added. */
    db: Database;
    /** The database that `addSqlDb` added: its kind, pool, health and migrations. */
    sql: SqlDb;
  }
}

/** Options of {@link addSqlDb}. Each setting beats its variable. */
export interface AddSqlDbOptions extends EasySqlDbOptions {
  /** Default: the process environment over the `.env` file. */
  readonly env?: Environment | undefined;
  /** Whether it is a check of `/readyz` and `/_health/sql`. Default: true. */
  readonly health?: boolean | undefined;
}

/** Options of {@link sqlPlugin}. */
export interface SqlPluginOptions extends AddSqlDbOptions {
  /** Puts the health route below it, like `/v1`. */
  readonly prefix?: string | undefined;
}

/**
 * Gives an app a SQL database: opens the one that the environment names, waits until it answers, decorates the app with
 * `app.db` (Drizzle's query builder) and `app.sql`, adds `GET /_health/sql` and a readiness check, and closes it with
 * the app. Pending migrations are applied before the app starts, in production only with `SQL_AUTO_MIGRATE=true`.
 * With nothing set the database is embedded and in memory; in production that is an error.
 *
 * @throws ConfigurationError when the settings are wrong, and Error when the database does not answer.
 * @example
 * ```ts
 * const { db } = await addSqlDb(app);
 * app.get("/users", () => db.select().from(users).limit(20));
 * ```
 */
export async function addSqlDb(app: AnyApp, options: AddSqlDbOptions = {}): Promise<SqlDb> {
  return mount(fastifyOf(app), options);
}

async function mount(app: FastifyInstance, options: SqlPluginOptions): Promise<SqlDb> {
  const { env = readEnvironment(), health = true, prefix: root = "", ...settings } = options;
  if (app.hasDecorator("sql")) {
    throw new ConfigurationError([{ name: "addSqlDb", message: "was called twice for one app" }]);
  }
  const { autoMigrate = appEnvOf(env) !== "prod" } = loadSettings(migrationVariables, env, pick(settings));
  const sql = await easySqlDb(settings, { log: app.log, env });
  try {
    await greet(sql);
    if (autoMigrate) await migrateAtStart(app, sql);
    app.decorate<SqlDb>("sql", sql);
    app.decorate<Database>("db", sql.db);
    app.addHook("onClose", () => sql.close());
    if (health) {
      await joinHealth(app, "sql", () => sql.ping(), {
        root,
        facts: () => ({ kind: sql.kind, pool: sql.metrics() }),
      });
    }
    return sql;
  } catch (error) {
    await sql.close().catch(() => undefined);
    throw error;
  }
}

function pick({ autoMigrate, migrationsDir }: EasySqlDbOptions) {
  return { autoMigrate, migrationsDir };
}

async function migrateAtStart(app: FastifyInstance, sql: SqlDb): Promise<void> {
  const applied = await sql.migrate();
  if (applied.length > 0) app.log.info({ migrations: applied }, `applied ${applied.length} migrations`);
}

/** The first answer; the error names the address of the database, which the driver's own does not. */
async function greet(sql: SqlDb): Promise<void> {
  try {
    await sql.ping();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message || Object(cause).code : String(cause);
    throw new Error(`the database ${sql.address} does not answer (SQL_URL): ${reason}`, { cause });
  }
}

/** {@link addSqlDb} as a plugin: `await app.register(sqlPlugin, { poolSize: 20 })`. */
export const sqlPlugin: FastifyPluginAsync<SqlPluginOptions> = fastifyPlugin(
  async (app: FastifyInstance, options: SqlPluginOptions) => {
    await mount(app, options);
  },
  { name: "svc-infra/sql", fastify: "5.x" },
);

/**
 * The database of an app, or of the app that a request came to.
 *
 * @throws ConfigurationError when none was added.
 *
 * @example
 * const { db } = getSqlDb(request);
 */
export function getSqlDb(from: AnyApp | AnyRequest): SqlDb {
  const app = appOf(from);
  if (app.hasDecorator("sql")) return app.sql;
  const message = "there is no database here; call 'await addSqlDb(app)' first";
  throw new ConfigurationError([{ name: "app.sql", message }]);
}
