import { setTimeout as sleep } from "node:timers/promises";
import type { PgPool } from "bullmq";

/** SQLSTATE of what the server undid in favour of another transaction: a deadlock, and a failed serialization. */
const undoneCodes: ReadonlySet<unknown> = new Set(["40P01", "40001"]);
const attempts = 10;
const longestWaitMs = 50;

/**
 * Lets a pool run a statement again that the server undid for the sake of another transaction. Every call of BullMQ is
 * one statement, so that nothing of it has happened. Without this BullMQ counts a deadlock at the end of a job as a
 * failed attempt of the job.
 */
export function retryDeadlocks(pool: PgPool): void {
  const query = pool.query.bind(pool) as PgPool["query"];
  const run: PgPool["query"] = async (text, params) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await query(text, params);
      } catch (error) {
        if (attempt === attempts || !undoneCodes.has(Object(error).code)) throw error;
        await sleep(Math.random() * longestWaitMs);
      }
    }
  };
  pool.query = run;
}
