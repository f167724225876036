import { randomUUID } from "node:crypto";
import { and, asc, desc, eq, inArray, isNotNull, isNull, lt, or, type SQL, sql } from "drizzle-orm";
import { HttpError } from "../../http/index.js";
import type { Database } from "../../sql/index.js";
import { matchesEvent } from "../event-pattern.js";
import { webhookAttempts, webhookDeliveries, webhookSubscriptions } from "../schema.js";
import type { SubscriptionRow } from "../subscriptions/subscriptions.js";
import type { Delivery, DeliveryAttempt, WebhookEvent } from "./delivery.js";
import { type DeliveryCursor, formatCursor, parseCursor } from "./delivery-cursor.js";

/** A row of the table of deliveries. */
type DeliveryRow = typeof webhookDeliveries.$inferSelect;

/** Which deliveries are listed. */
export interface DeliveryFilter {
  readonly subscription?: string | undefined;
  /** Most deliveries of a page. */
  readonly limit: number;
  /** `nextCursor` of the page before. Default: the newest deliveries. */
  readonly cursor?: string | undefined;
}

/** Deliveries, the newest first. */
export interface DeliveryPage {
  readonly deliveries: readonly Delivery[];
  /** Where the next page begins; none after the last one. */
  readonly nextCursor: string | undefined;
}

/** Deliveries: how they are made, what their tenant is told of them, how they are sent again, and when they end. */
export class Deliveries {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * Makes a delivery for each subscription that hears of an event, with few statements. Dispatching an event again adds
   * nothing.
   *
   * @throws TypeError for an id that no header could carry, or that holds a dot.
   * @returns how many were made.
   */
  async dispatch(events: readonly WebhookEvent[], db: Database = this.#db): Promise<number> {
    if (events.length === 0) return 0;
    for (const { id: eventId } of events) checkId(eventId);
    const tenants = [...new Set(events.map(({ tenant }) => tenant))];
    const { id, tenant, events: patterns } = webhookSubscriptions;
    const subscriptions = await db
      .select({ id, tenant, patterns })
      .from(webhookSubscriptions)
      .where(and(inArray(tenant, tenants), isActive()));
    const rows = events.flatMap((event) => deliveriesOf(event, subscriptions));
    if (rows.length === 0) return 0;
    // A subscription that was removed since is passed over, and no other goes before these rows are there.
    const made = await db.execute(sql`
      insert into ${webhookDeliveries} (id, subscription, tenant, event_id, event_type, body)
      select made.* from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as made (
        id text, subscription text, tenant text, event_id text, event_type text, body text)
      join ${webhookSubscriptions} as hearing on hearing.id = made.subscription
      order by hearing.id for key share of hearing
      on conflict do nothing returning 1`);
    return Object(made).rows.length;
  }

  /** Makes one `webhook.test` delivery, whatever the event types of the subscription. */
  async test(subscription: SubscriptionRow): Promise<Delivery> {
    const body = JSON.stringify({ type: "webhook.test", timestamp: new Date().toISOString(), data: {} });
    const [row] = await this.#db
      .insert(webhookDeliveries)
      .values({
        id: `whdel_${randomUUID()}`,
        subscription: subscription.id,
        tenant: subscription.tenant,
        eventId: `test_${randomUUID()}`,
        eventType: "webhook.test",
        body,
      })
      .returning();
    return shown(existing(row));
  }

  /** The newest deliveries of a tenant. */
  async list(tenant: string, filter: DeliveryFilter): Promise<readonly Delivery[]> {
    return (await this.page(tenant, filter)).deliveries;
  }

  /**
   * A page of the deliveries of a tenant, the newest first, and where the next one begins; none after the last page.
   *
   * @throws HttpError (400) for a malformed cursor.
   */
  async page(tenant: string, filter: DeliveryFilter): Promise<DeliveryPage> {
    const { subscription, limit, cursor } = filter;
    const rows = await this.#db
      .select({ row: webhookDeliveries, createdUs })
      .from(webhookDeliveries)
      .where(
        and(
          eq(webhookDeliveries.tenant, tenant),
          subscription === undefined ? undefined : eq(webhookDeliveries.subscription, subscription),
          cursor === undefined ? undefined : sql`${place} < ${placeOf(parseCursor(cursor))}`,
        ),
      )
      .orderBy(desc(webhookDeliveries.createdAt), desc(webhookDeliveries.id))
      .limit(limit + 1);
    const shownRows = rows.slice(0, limit);
    const last = rows.length > limit ? shownRows.at(-1) : undefined;
    const nextCursor = last && formatCursor({ createdUs: last.createdUs, id: last.row.id });
    return { deliveries: shownRows.map(({ row }) => shown(row)), nextCursor };
  }

  /** A delivery and its attempts. @throws HttpError (404), also for the delivery of another tenant. */
  async get(
    tenant: string,
    id: string,
  ): Promise<Delivery & { readonly attempts: readonly DeliveryAttempt[] }> {
    const [row] = await this.#db.select().from(webhookDeliveries).where(whereIs(tenant, id));
    const delivery = shown(existing(row));
    const attempts = await this.#db
      .select()
      .from(webhookAttempts)
      .where(eq(webhookAttempts.delivery, id))
      .orderBy(asc(webhookAttempts.number));
    return { ...delivery, attempts: attempts.map(({ delivery: _, ...attempt }) => attempt) };
  }

  /** Delivers one again, with the same `webhook-id`. @throws HttpError (404) */
  async redeliver(tenant: string, id: string): Promise<Delivery> {
    const rows = await this.#db.update(webhookDeliveries).set(again()).where(whereIs(tenant, id)).returning();
    return shown(existing(rows[0]));
  }

  /**
   * Queues every delivery of a subscription again that was made from a time until now, delivered ones too: a batch with each
   * statement, however many there are.
   *
   * @param batchRows - most deliveries of one statement.
   * @returns how many.
   */
  async redeliverSince(tenant: string, subscription: string, since: Date, batchRows = 1000): Promise<number> {
    // What is made meanwhile is not among them: it would be sent twice, and there might be no end of it.
    const { rows } = Object(await this.#db.execute(sql`select now()::text as now`));
    const until = sql`${webhookDeliveries.createdAt} <= ${rows[0].now}::timestamptz`;
    let from: DeliveryCursor = { createdUs: String(since.getTime() * 1000), id: "" };
    for (let total = 0; ; ) {
      const { count, last } = await this.#redeliverBatch(tenant, subscription, { from, until }, batchRows);
      total += count;
      if (count < batchRows || last === undefined) return total;
      from = last;
    }
  }

  /** The oldest deliveries behind a place, and how far it came. */
  async #redeliverBatch(
    tenant: string,
    subscription: string,
    { from, until }: { readonly from: DeliveryCursor; readonly until: SQL },
    batchRows: number,
  ) {
    const { id, createdAt } = webhookDeliveries;
    const batch = this.#db.$with("batch").as(
      this.#db
        .select({ id, createdAt, createdUs: createdUs.as("created_us") })
        .from(webhookDeliveries)
        .where(
          and(
            eq(webhookDeliveries.tenant, tenant),
            eq(webhookDeliveries.subscription, subscription),
            sql`${place} > ${placeOf(from)}`,
            until,
          ),
        )
        .orderBy(asc(createdAt), asc(id))
        .limit(batchRows),
    );
    const queued = this.#db
      .$with("queued")
      .as(
        this.#db
          .update(webhookDeliveries)
          .set(again())
          .where(sql`${id} in (select id from batch)`)
          .returning({ id }),
      );
    const rows = await this.#db
      .with(batch, queued)
      .select({
        id: batch.id,
        createdUs: batch.createdUs,
        count: sql<number>`(select count(*)::int from queued)`,
      })
      .from(batch)
      .orderBy(desc(batch.createdAt), desc(batch.id))
      .limit(1);
    return { count: rows[0]?.count ?? 0, last: rows[0] };
  }

  /**
   * Removes what finished before a time, with its attempts, and what was made before it and waits for a subscription that
   * is paused, disabled or not proved: it would wait, and grow, for ever.
   */
  async removeOld(before: Date): Promise<void> {
    const { finishedAt, state, createdAt, subscription } = webhookDeliveries;
    const { id, isPaused, provedAt, disabledAt } = webhookSubscriptions;
    const stopped = this.#db
      .select({ id })
      .from(webhookSubscriptions)
      .where(or(isPaused, isNull(provedAt), isNotNull(disabledAt)));
    // Two statements, as each of them has an index and both together have none.
    await this.#db.delete(webhookDeliveries).where(lt(finishedAt, before));
    await this.#db
      .delete(webhookDeliveries)
      .where(and(eq(state, "pending"), lt(createdAt, before), inArray(subscription, stopped)));
  }
}

/** The id is a header field of each message, and a part of what is signed, where a dot ends it (Standard Webhooks). */
function checkId(id: string): void {
  if (/^[\x21-\x2d\x2f-\x7e]{1,255}$/.test(id)) return;
  throw new TypeError(
    "the id of an event must be 1 to 255 printable ASCII characters without a dot or a space",
  );
}

interface Hearing {
  readonly id: string;
  readonly tenant: string;
  readonly patterns: readonly string[];
}

function deliveriesOf(event: WebhookEvent, all: readonly Hearing[]) {
  const { id, type, version, tenant, occurredAt, data } = event;
  const body = JSON.stringify({ type, version, timestamp: occurredAt.toISOString(), data });
  return all
    .filter((each) => each.tenant === tenant && each.patterns.some((pattern) => matchesEvent(pattern, type)))
    .map(({ id: subscription }) => ({
      id: `whdel_${randomUUID()}`,
      subscription,
      tenant,
      event_id: id,
      event_type: type,
      body,
    }));
}

function isActive() {
  return and(isNotNull(webhookSubscriptions.provedAt), isNull(webhookSubscriptions.disabledAt));
}

function whereIs(tenant: string, id: string) {
  return and(eq(webhookDeliveries.tenant, tenant), eq(webhookDeliveries.id, id));
}

const createdUs = sql<string>`(extract(epoch from ${webhookDeliveries.createdAt}) * 1000000)::bigint::text`;

/** The place of a row in the order of the list; the index on tenant and time has it. */
const place = sql`(${webhookDeliveries.createdAt}, ${webhookDeliveries.id})`;

function placeOf({ createdUs: us, id }: DeliveryCursor) {
  return sql`('epoch'::timestamptz + ${us}::bigint * interval '1 microsecond', ${id}::text)`;
}

function again() {
  return {
    state: "pending" as const,
    tries: 0,
    nextAttemptAt: new Date(),
    finishedAt: null,
    generation: sql`${webhookDeliveries.generation} + 1`,
  };
}

function existing(row: DeliveryRow | undefined): DeliveryRow {
  if (row === undefined) throw new HttpError(404, "not_found", "there is no such delivery");
  return row;
}

function shown(row: DeliveryRow): Delivery {
  const { id, subscription, eventId, eventType, state, tries, createdAt, finishedAt } = row;
  const nextAttemptAt = state === "pending" ? row.nextAttemptAt : null;
  return { id, subscription, eventId, eventType, state, tries, nextAttemptAt, createdAt, finishedAt };
}
