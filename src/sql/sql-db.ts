import type { PGlite } from "@electric-sql/pglite";
import type { PgDatabase, PgQueryResultHKT } from "drizzle-orm/pg-core";
import type { Pool } from "pg";

/** Drizzle's query builder over PostgreSQL, whichever kind it is. A transaction of it is one, too. */
export type Database = PgDatabase<PgQueryResultHKT, Record<string, never>>;

/** The connections of this process to the database, at this moment. */
export interface PoolMetrics {
  readonly maxConnections: number;
  /** Connections that are open. */
  readonly connections: number;
  /** Connections that do nothing. */
  readonly idle: number;
  /** Queries and transactions that wait for a connection. */
  readonly waiting: number;
}

/** One connection, for what must happen on the same one: locks, settings, migrations. */
export interface SqlConnection {
  /** The query builder on this very connection. */
  readonly db: Database;
  /** Runs one statement with `$1`, `$2` ... for its values, and returns its rows. */
  query(text: string, values?: readonly unknown[]): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Runs any number of statements, separated by semicolons. */
  run(statements: string): Promise<void>;
}

/** What every open database has. */
interface AnySql {
  readonly db: Database;
  /** Where it is, for people: host and name, or the folder. Holds no secret. */
  readonly address: string;
  /**
   * Asks the database for an answer.
   *
   * @throws Error when no answer comes within `SQL_POOL_TIMEOUT_MS`.
   */
  ping(): Promise<void>;
  metrics(): PoolMetrics;
  /** Keeps one connection for `work`. It has no statement timeout. The embedded database has only one, which all share. */
  withConnection<T>(work: (connection: SqlConnection) => Promise<T>): Promise<T>;
  /** Closes all connections when their queries have ended. A second call does nothing. */
  close(): Promise<void>;
}

/** A pool of connections to a PostgreSQL server. */
export interface PostgresSql extends AnySql {
  readonly kind: "postgres";
  readonly pool: Pool;
}

/** PostgreSQL inside this process (PGlite), in a folder or in memory. */
export interface EmbeddedSql extends AnySql {
  readonly kind: "embedded";
  readonly pglite: PGlite;
  /** The folder that holds it; `undefined` when it is in memory and ends with the process. */
  readonly folder: string | undefined;
}

/** A database without migrations. */
export type OpenedSql = PostgresSql | EmbeddedSql;

/** An open database: the query builder `db`, and what is around it. */
export type SqlDb = OpenedSql & {
  /**
   * Applies the migrations that it does not have yet, while other processes wait.
   *
   * @returns the names of those that were applied.
   * @throws Error that names the migration, and says what to do.
   */
  migrate(): Promise<readonly string[]>;
};
