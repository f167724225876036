import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import type { Pool, PoolClient, PoolConfig } from "pg";
import { ConfigurationError, loadPeer } from "../../kernel/index.js";
import type { QueryWatch } from "../query-watch.js";
import type { SqlSettings } from "../settings.js";
import type { Database, PostgresSql, SqlConnection } from "../sql-db.js";
import { boundClient } from "./bound-client.js";
import type { PostgresTarget } from "./postgres-target.js";
import { watchClient } from "./watch-client.js";

/** Milliseconds beyond the server's own limit, after which a silent server counts as gone. */
const answerGraceMs = 2_000;

/** Opens a pool; no connection is made before the first query. */
export async function openPostgres(
  target: PostgresTarget,
  settings: SqlSettings,
  watch: QueryWatch,
  onIdleError: (error: Error) => void,
): Promise<PostgresSql> {
  const { default: pg } = await loadPeer("pg", "addSqlDb on PostgreSQL", () => import("pg"));
  const { drizzle } = await loadPeer("drizzle-orm", "addSqlDb", () => import("drizzle-orm/node-postgres"));
  const config = poolConfig(target, settings);
  const isBound = target.channelBinding === "require";
  const pool = new pg.Pool(isBound ? { ...config, Client: boundClient(pg.Client) } : config);
  // Without a listener, an idle connection that breaks would end the process.
  pool.on("error", onIdleError);
  pool.on("connect", (client) => {
    // The pool does not listen to a connection that is in use. Its query fails by itself when the connection breaks.
    client.on("error", () => undefined);
    watchClient(client, watch);
  });
  const db: Database = drizzle(pool);
  let closed: Promise<void> | undefined;
  return {
    kind: "postgres",
    db,
    pool,
    address: `${target.database} on ${target.host}:${target.port}`,
    ping: async () => void (await pool.query("select 1")),
    metrics: () => ({
      maxConnections: settings.poolSize,
      connections: pool.totalCount,
      idle: pool.idleCount,
      waiting: pool.waitingCount,
    }),
    withConnection: (work) => withClient(pool, (client) => work(connectionOf(client, drizzle(client)))),
    close: () => {
      closed ??= pool.end();
      return closed;
    },
  };
}

function poolConfig(target: PostgresTarget, settings: SqlSettings): PoolConfig {
  const { statementTimeoutMs } = settings;
  return {
    host: target.host,
    port: target.port,
    database: target.database,
    user: target.user,
    password: target.password,
    ssl: tlsOptions(target),
    application_name: target.applicationName,
    options: target.options,
    enableChannelBinding: target.channelBinding !== "disable",
    max: settings.poolSize,
    connectionTimeoutMillis: settings.poolTimeoutMs,
    keepAlive: true,
    ...(statementTimeoutMs === 0
      ? {}
      : { statement_timeout: statementTimeoutMs, query_timeout: statementTimeoutMs + answerGraceMs }),
  };
}

/** As in libpq: `require` encrypts and trusts any certificate, unless there are authorities to check it against. */
function tlsOptions({ sslMode, sslRootCert }: PostgresTarget): ConnectionOptions | false {
  if (sslMode === "disable") return false;
  const ca = sslRootCert === undefined ? {} : { ca: readCertificates(sslRootCert) };
  if (sslMode === "verify-full") return { ...ca, rejectUnauthorized: true };
  if (sslMode === "require" && sslRootCert === undefined) return { rejectUnauthorized: false };
  // Any authority that Node trusts would certify another host, whose name is not checked.
  if (sslRootCert === undefined) {
    const message = "is not set, and sslmode=verify-ca needs it; set it, or use sslmode=verify-full";
    throw new ConfigurationError([{ name: "SQL_SSLROOTCERT", message }]);
  }
  return { ...ca, rejectUnauthorized: true, checkServerIdentity: () => undefined };
}

function readCertificates(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const problem = { name: "SQL_SSLROOTCERT", message: `the file '${path}' cannot be read` };
    throw new ConfigurationError([problem], { cause });
  }
}

async function withClient<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query("set statement_timeout = 0");
    // The driver's own limit, which it reads before each query.
    Object(client).connectionParameters.query_timeout = 0;
    return await work(client);
  } finally {
    // What was set on it, and locks that are left, must not reach the next one.
    client.release(true);
  }
}

function connectionOf(client: PoolClient, db: Database): SqlConnection {
  return {
    db,
    query: async (text, values = []) => (await client.query({ text, values: [...values] })).rows,
    run: async (text) => void (await client.query({ text })),
  };
}
