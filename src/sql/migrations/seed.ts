import type { Database, OpenedSql } from "../sql-db.js";
import { MigrationError } from "./migration-error.js";
import { withMigrationLock } from "./migration-lock.js";

/** Fills tables with first rows; each runs once for a database. */
export type Seed = (db: Database) => Promise<unknown>;

/** Seeds by the name under which the database remembers them. */
export type Seeds = Readonly<Record<string, Seed>>;

const create = `create table if not exists svc_infra_seeds (
  name text primary key,
  applied_at timestamptz not null default clock_timestamp()
)`;

/**
 * Runs the seeds that the database does not have yet, in their order, each in a transaction together with the note that it
 * has run. A second call does nothing.
 *
 * @param seeds - by the name under which the database remembers them.
 * @returns the names of those that ran.
 */
export function seed(sql: OpenedSql, seeds: ReadonlyMap<string, Seed>): Promise<string[]> {
  return withMigrationLock(sql, async (connection) => {
    await connection.run(create);
    const ran = new Set((await connection.query("select name from svc_infra_seeds")).map((row) => row.name));
    const left = [...seeds].filter(([name]) => !ran.has(name));
    const { sql: text } = await import("drizzle-orm");
    for (const [name, run] of left) {
      await connection.db
        .transaction(async (tx) => {
          await run(tx);
          await tx.execute(text`insert into svc_infra_seeds (name) values (${name})`);
        })
        .catch((cause: unknown) => {
          throw new MigrationError(`seed ${name} failed, and nothing of it was kept: ${reasonOf(cause)}`, {
            cause,
          });
        });
    }
    return left.map(([name]) => name);
  });
}

function reasonOf(error: unknown): string {
  const { cause } = Object(error);
  if (cause instanceof Error) return cause.message;
  return error instanceof Error ? error.message : String(error);
}
