import {
  appEnvOf,
  type Environment,
  joinPools,
  type Logger,
  loadSettings,
  readEnvironment,
  refuseForeignAddress,
  type SettingOptions,
  silentLogger,
  sourceOf,
} from "../kernel/index.js";
import type { FolderWait } from "./embedded/folder-lock.js";
import { migrationVariables } from "./migrations/settings.js";
import { QueryWatch } from "./query-watch.js";
import { type SqlOptions, type SqlSettings, sqlVariables } from "./settings.js";
import type { OpenedSql, SqlDb } from "./sql-db.js";
import { type SqlTarget, sqlTarget } from "./target.js";

/** Settings of {@link easySqlDb}, each beating its variable. */
export type EasySqlDbOptions = SqlOptions & SettingOptions<typeof migrationVariables>;

/** What {@link easySqlDb} takes besides settings. */
export interface EasySqlDbContext {
  /** Default: the process environment over the `.env` file. */
  readonly env?: Environment;
  /** Is told which database was chosen, of slow queries and of broken connections. Default: no log. */
  readonly log?: Logger;
  /** How long to wait for the folder of an embedded database that another process has. Default: not at all. */
  readonly folderWait?: FolderWait;
}

const noWait: FolderWait = { timeoutMs: 0, onWait: () => undefined };

/**
 * Opens the database that the environment names, without an app; the caller closes it. `addSqlDb` is this with an app.
 *
 * @param options - settings given in code, each beating its variable.
 * @throws ConfigurationError when the settings are wrong, a package is missing, or another process has the folder.
 * @example
 * ```ts
 * const sql = await easySqlDb({ url: "postgresql://shop@localhost/shop" });
 * await sql.ping();
 * await sql.close();
 * ```
 */
export async function easySqlDb(
  options: EasySqlDbOptions = {},
  context: EasySqlDbContext = {},
): Promise<SqlDb> {
  const { env = readEnvironment(), log = silentLogger, folderWait = noWait } = context;
  const settings = loadSettings({ ...sqlVariables, ...migrationVariables }, env, options);
  const target = sqlTarget(settings, env);
  refuseForeignHost(target, settings, env, options);
  const sql = withMigrations(measured(await open(target, settings, log, folderWait)), settings.migrationsDir);
  log.info(
    { kind: sql.kind, address: sql.address, reason: target.reason },
    `the database is ${sql.address}: ${target.reason}`,
  );
  warn(target, env, log);
  return sql;
}

/** Its connections can be asked for by `svc-infra:pools` until it is closed. */
function measured(sql: OpenedSql): OpenedSql {
  const leave = joinPools(() => ({ pool: "sql", ...sql.metrics() }));
  const close = sql.close.bind(sql);
  return Object.assign(sql, {
    close: () => {
      leave();
      return close();
    },
  });
}

function withMigrations(sql: OpenedSql, folder: string): SqlDb {
  return Object.assign(sql, {
    migrate: async () => {
      const { migrate } = await import("./migrations/migrate.js");
      return migrate(sql, folder);
    },
  });
}

async function open(
  target: SqlTarget,
  settings: SqlSettings,
  log: Logger,
  folderWait: FolderWait,
): Promise<OpenedSql> {
  const watch = new QueryWatch({ slowQueryMs: settings.slowQueryMs, database: target.kind, log });
  if (target.kind === "embedded") {
    const { openEmbedded } = await import("./embedded/open-embedded.js");
    return openEmbedded(target.folder, settings, watch, log, folderWait);
  }
  const { openPostgres } = await import("./postgres/open-postgres.js");
  return openPostgres(target, settings, watch, (error) =>
    log.warn({ err: error }, "a connection to the database broke while it was not in use"),
  );
}

/** A URL with a password gets no other one; without any the driver takes its own variable. */
function refuseForeignHost(
  target: SqlTarget,
  { url, password }: SqlSettings,
  env: Environment,
  options: EasySqlDbOptions,
): void {
  if (target.kind === "embedded") return;
  const { host: address, password: sent } = target;
  refuseForeignAddress(sqlVariables, env, options, {
    setting: url === undefined ? "host" : "url",
    address,
    secrets: sent === password?.reveal() ? ["password"] : [],
    others: sent === undefined && sourceOf(env, "PGPASSWORD") === "process" ? ["PGPASSWORD"] : [],
  });
}

function warn(target: SqlTarget, env: Environment, log: Logger): void {
  if (target.kind === "embedded") {
    if (target.folder === undefined)
      log.warn("rows are kept in memory and will be lost when the process ends");
    return;
  }
  if (appEnvOf(env) === "prod" && target.sslMode === "disable" && !isNear(target.host)) {
    log.warn(`the connection to ${target.host} is not encrypted; set SQL_SSLMODE=verify-full`);
  }
}

function isNear(host: string): boolean {
  return host.startsWith("/") || ["localhost", "127.0.0.1", "::1"].includes(host);
}
