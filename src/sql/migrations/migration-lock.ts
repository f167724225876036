import { setTimeout as sleep } from "node:timers/promises";
import type { OpenedSql, SqlConnection } from "../sql-db.js";

/** The first eight bytes of the SHA-256 of "svc-infra migrations", as PostgreSQL takes a number. */
const lockKey = "4657543921981958239";

/** Milliseconds between two questions for the lock. */
const pollMs = 250;

/** Work on embedded databases that is under way in this process; other processes have the folder's lock against them. */
const turns = new WeakMap<OpenedSql, Promise<unknown>>();

/**
 * Runs the work on one connection while no other process or call migrates this database; waits for its turn. The lock goes
 * with the connection, so that a process that is killed leaves none.
 */
export async function withMigrationLock<T>(
  sql: OpenedSql,
  work: (connection: SqlConnection) => Promise<T>,
): Promise<T> {
  if (sql.kind === "embedded") return inTurn(sql, () => sql.withConnection(work));
  return sql.withConnection(async (connection) => {
    // A query that waits has a snapshot, and an index that is built concurrently waits for all snapshots of before.
    while (!(await tryLock(connection))) await sleep(pollMs);
    return work(connection);
  });
}

async function tryLock(connection: SqlConnection): Promise<boolean> {
  const [row] = await connection.query(`select pg_try_advisory_lock(${lockKey}) as held`);
  return row?.held === true;
}

async function inTurn<T>(sql: OpenedSql, work: () => Promise<T>): Promise<T> {
  const turn = (turns.get(sql) ?? Promise.resolve()).then(work);
  turns.set(
    sql,
    turn.catch(() => undefined),
  );
  return turn;
}
