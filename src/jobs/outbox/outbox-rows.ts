import {
  and,
  eq,
  gt,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  notExists,
  notInArray,
  or,
  type SQL,
  sql,
} from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type { Database } from "../../sql/index.js";
import type { JobInfo } from "../job-driver.js";
import { outbox } from "./outbox-table.js";

export type OutboxRow = typeof outbox.$inferSelect;

/** How often the queue may refuse a row: with the delays between them, for about an hour. */
const maxAttempts = 15;
const firstRetryMs = 1_000;
const maxRetryMs = 600_000;

/** The job of a published event. In a queue nothing could be done with it: it is for a relay that knows the events. */
export const eventJob = "svc-infra.event";

/** One instant for all rows of a statement, or a row that becomes due amid it would be overtaken by a later one of its key. */
const now = sql`statement_timestamp()`;
const held = alias(outbox, "held");
const isDue = or(eq(outbox.failedAttempts, 0), lte(outbox.retryAt, now));
const isDead = and(gt(outbox.failedAttempts, 0), isNull(outbox.retryAt));

/** SQLSTATE 42P01 and 42703: there is no such table or column. The driver's error is the cause of Drizzle's. */
export function isMissing(error: unknown): boolean {
  return isOutdated(error) || codeOf(error) === "42P01";
}

/** SQLSTATE 42703: there is a table, which lacks a column of this version. */
export function isOutdated(error: unknown): boolean {
  return codeOf(error) === "42703";
}

function codeOf(error: unknown): unknown {
  const { code, cause } = Object(error);
  return code ?? Object(cause).code;
}

/**
 * The oldest rows that may be relayed: none of a key of which a row waits to be tried again.
 *
 * @param knowsEvents - whether this process can relay events. One that cannot leaves them, and what follows them in their key,
 * to one that can.
 */
export function dueRows(
  db: Database,
  skippedIds: readonly string[],
  limit: number,
  knowsEvents: boolean,
): Promise<OutboxRow[]> {
  const heldOfKey = db
    .select({ id: held.id })
    .from(held)
    .where(and(eq(held.key, outbox.key), gt(held.retryAt, now)));
  return db
    .select()
    .from(outbox)
    .where(
      and(
        isDue,
        notExists(heldOfKey),
        knowsEvents ? undefined : besideEvents(db),
        skippedIds.length === 0 ? undefined : notInArray(outbox.id, [...skippedIds]),
      ),
    )
    .orderBy(outbox.position)
    .limit(limit);
}

/** Rows that are no event and follow none in their key. A dead event holds back nothing. */
function besideEvents(db: Database): SQL | undefined {
  const earlierEvent = db
    .select({ id: held.id })
    .from(held)
    .where(
      and(
        eq(held.key, outbox.key),
        lt(held.position, outbox.position),
        sql`${held.job} ->> 'name' = ${eventJob}`,
        or(eq(held.failedAttempts, 0), isNotNull(held.retryAt)),
      ),
    );
  return and(sql`${outbox.job} ->> 'name' is distinct from ${eventJob}`, notExists(earlierEvent));
}

/** Notes that the queue refused a row. Returns whether it is dead now, as it was refused too often. */
export async function holdBack(db: Database, row: OutboxRow, error: unknown): Promise<boolean> {
  const failedAttempts = row.failedAttempts + 1;
  const isLast = failedAttempts >= maxAttempts;
  const delayMs = Math.min(firstRetryMs * 2 ** row.failedAttempts, maxRetryMs);
  const retryAt = isLast ? null : sql`${now} + ${`${delayMs} milliseconds`}::interval`;
  const reason = error instanceof Error ? error.message : String(error);
  await db.update(outbox).set({ failedAttempts, retryAt, error: reason }).where(eq(outbox.id, row.id));
  return isLast;
}

export async function removeRows(db: Database, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await db.delete(outbox).where(inArray(outbox.id, [...ids]));
}

/** Rows that the queue refused too often, the oldest first; none where there is no outbox. */
export async function deadRows(db: Database, limit: number): Promise<JobInfo[]> {
  const rows = await orNone(db.select().from(outbox).where(isDead).orderBy(outbox.position).limit(limit));
  return rows.map(({ id: rowId, job, failedAttempts, error }) => ({
    id: rowId,
    name: String(Object(job).name),
    payload: Object(job).payload,
    state: "dead",
    failedAttempts,
    progress: 0,
    error: `the queue refused it: ${error}`,
  }));
}

/** Lets a dead row start over. Returns whether it was one. */
export async function retryRow(db: Database, id: string): Promise<boolean> {
  const fresh = { failedAttempts: 0, error: null };
  return (
    (await orNone(db.update(outbox).set(fresh).where(ofDead(id)).returning({ id: outbox.id }))).length > 0
  );
}

/** Forgets a dead row. Returns whether it was one. */
export async function purgeRow(db: Database, id: string): Promise<boolean> {
  return (await orNone(db.delete(outbox).where(ofDead(id)).returning({ id: outbox.id }))).length > 0;
}

/** An id of a job need not be a UUID, as those of the outbox are. */
function ofDead(id: string): SQL | undefined {
  return and(isDead, sql`${outbox.id}::text = ${id}`);
}

async function orNone<Row>(query: PromiseLike<Row[]>): Promise<Row[]> {
  try {
    return await query;
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
