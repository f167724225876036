import { randomUUID } from "node:crypto";
import {
  and,
  asc,
  desc,
  eq,
  gte,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  notInArray,
  or,
  sql,
} from "drizzle-orm";
import { HttpError } from "../../http/index.js";
import type { Database } from "../../sql/index.js";
import { matchesEvent } from "../event-pattern.js";
import { webhookAttempts, webhookDeliveries, webhookSubscriptions } from "../schema.js";
import type { SubscriptionRow } from "../subscriptions/subscriptions.js";
import type { Delivery, DeliveryAttempt, WebhookEvent } from "./delivery.js";
import type { EndpointAnswer } from "./post-signed.js";

/** A row of the table of deliveries. */
export type DeliveryRow = typeof webhookDeliveries.$inferSelect;

/** A delivery that this process is to attempt now. */
export interface ClaimedDelivery {
  readonly delivery: DeliveryRow;
  readonly subscription: SubscriptionRow;
}

/** What becomes of a delivery after an attempt. */
export type Outcome =
  | { readonly state: "delivered" | "failed" }
  | { readonly state: "pending"; readonly nextAttemptAt: Date };

/** Rows of one statement, which takes 65,535 parameters at most. */
const insertedAtOnce = 1000;

/** The table of deliveries: what is due, what was tried, what came of it. */
export class Deliveries {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * Makes a delivery for each subscription that hears of an event, with few statements. Dispatching an event again adds
   * nothing.
   *
   * @returns how many were made.
   */
  async dispatch(events: readonly WebhookEvent[], db: Database = this.#db): Promise<number> {
    if (events.length === 0) return 0;
    const tenants = [...new Set(events.map(({ tenant }) => tenant))];
    const { id, tenant, events: patterns } = webhookSubscriptions;
    const subscriptions = await db
      .select({ id, tenant, patterns })
      .from(webhookSubscriptions)
      .where(and(inArray(tenant, tenants), isActive()));
    const rows = events.flatMap((event) => deliveriesOf(event, subscriptions));
    let made = 0;
    for (let at = 0; at < rows.length; at += insertedAtOnce) {
      const some = await db
        .insert(webhookDeliveries)
        .values(rows.slice(at, at + insertedAtOnce))
        .onConflictDoNothing()
        .returning({ id: webhookDeliveries.id });
      made += some.length;
    }
    return made;
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

  /**
   * Takes deliveries that are due; no other process takes them until the claim ends.
   *
   * @param limit - most deliveries to take.
   * @param claimMs - milliseconds until another process takes over what this one did not finish.
   * @param busy - subscriptions that have enough attempts under way.
   */
  async claim(limit: number, claimMs: number, busy: readonly string[]): Promise<readonly ClaimedDelivery[]> {
    const now = new Date();
    const due = this.#db.$with("due").as(
      this.#db
        .select({ id: webhookDeliveries.id })
        .from(webhookDeliveries)
        .innerJoin(webhookSubscriptions, eq(webhookSubscriptions.id, webhookDeliveries.subscription))
        .where(
          and(
            eq(webhookDeliveries.state, "pending"),
            lte(webhookDeliveries.nextAttemptAt, now),
            or(isNull(webhookDeliveries.claimedUntil), lt(webhookDeliveries.claimedUntil, now)),
            eq(webhookSubscriptions.isPaused, false),
            isActive(),
            ...(busy.length === 0 ? [] : [notInArray(webhookDeliveries.subscription, [...busy])]),
          ),
        )
        .orderBy(asc(webhookDeliveries.nextAttemptAt))
        .limit(limit)
        .for("update", { of: webhookDeliveries, skipLocked: true }),
    );
    const claimed = await this.#db
      .with(due)
      .update(webhookDeliveries)
      .set({ claimedUntil: new Date(now.getTime() + claimMs) })
      .where(inArray(webhookDeliveries.id, this.#db.select({ id: due.id }).from(due)))
      .returning();
    return this.#withSubscriptions(claimed);
  }

  async #withSubscriptions(claimed: readonly DeliveryRow[]): Promise<readonly ClaimedDelivery[]> {
    if (claimed.length === 0) return [];
    const ids = [...new Set(claimed.map(({ subscription }) => subscription))];
    const rows = await this.#db
      .select()
      .from(webhookSubscriptions)
      .where(inArray(webhookSubscriptions.id, ids));
    const byId = new Map(rows.map((row) => [row.id, row]));
    return claimed
      .toSorted((a, b) => a.nextAttemptAt.getTime() - b.nextAttemptAt.getTime())
      .flatMap((delivery) => {
        const subscription = byId.get(delivery.subscription);
        return subscription === undefined ? [] : [{ delivery, subscription }];
      });
  }

  /** Gives claimed deliveries back untried. */
  async release(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.#db
      .update(webhookDeliveries)
      .set({ claimedUntil: null })
      .where(inArray(webhookDeliveries.id, [...ids]));
  }

  /** Writes down one attempt and what becomes of its delivery and its subscription. */
  async settle({ delivery }: ClaimedDelivery, answer: EndpointAnswer, outcome: Outcome): Promise<void> {
    const now = new Date();
    const { id, subscription } = delivery;
    const isSuccess = outcome.state === "delivered";
    const { failingSince } = webhookSubscriptions;
    // One statement is one round trip, and all of it or nothing.
    const attempt = this.#db.$with("attempt").as(
      this.#db
        .insert(webhookAttempts)
        .values({
          delivery: id,
          number: sql`(select count(*) + 1 from ${webhookAttempts} where ${eq(webhookAttempts.delivery, id)})`,
          at: now,
          status: answer.status ?? null,
          milliseconds: answer.milliseconds,
          detail: answer.detail,
        })
        .returning({ number: webhookAttempts.number }),
    );
    const health = this.#db.$with("health").as(
      this.#db
        .update(webhookSubscriptions)
        .set({ failingSince: isSuccess ? null : now })
        .where(
          and(
            eq(webhookSubscriptions.id, subscription),
            isSuccess ? isNotNull(failingSince) : isNull(failingSince),
          ),
        )
        .returning({ id: webhookSubscriptions.id }),
    );
    await this.#db
      .with(attempt, health)
      .update(webhookDeliveries)
      .set({
        state: outcome.state,
        tries: delivery.tries + 1,
        claimedUntil: null,
        ...(outcome.state === "pending" ? { nextAttemptAt: outcome.nextAttemptAt } : { finishedAt: now }),
      })
      .where(eq(webhookDeliveries.id, id));
  }

  /** The newest deliveries of a tenant. */
  async list(tenant: string, filter: { readonly subscription?: string | undefined; readonly limit: number }) {
    const rows = await this.#db
      .select()
      .from(webhookDeliveries)
      .where(
        and(
          eq(webhookDeliveries.tenant, tenant),
          ...(filter.subscription === undefined
            ? []
            : [eq(webhookDeliveries.subscription, filter.subscription)]),
        ),
      )
      .orderBy(desc(webhookDeliveries.createdAt))
      .limit(filter.limit);
    return rows.map(shown);
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

  /** Queues every delivery of a subscription that was made since a time again, delivered ones too. Resolves to how many. */
  async redeliverSince(tenant: string, subscription: string, since: Date): Promise<number> {
    const rows = await this.#db
      .update(webhookDeliveries)
      .set(again())
      .where(
        and(
          eq(webhookDeliveries.tenant, tenant),
          eq(webhookDeliveries.subscription, subscription),
          gte(webhookDeliveries.createdAt, since),
        ),
      )
      .returning({ id: webhookDeliveries.id });
    return rows.length;
  }

  /** Removes what finished before a time, with its attempts. */
  async removeFinished(before: Date): Promise<void> {
    await this.#db.delete(webhookDeliveries).where(lt(webhookDeliveries.finishedAt, before));
  }
}

interface Hearing {
  readonly id: string;
  readonly tenant: string;
  readonly patterns: readonly string[];
}

function deliveriesOf(
  { id: eventId, type, tenant, occurredAt, data }: WebhookEvent,
  all: readonly Hearing[],
) {
  const body = JSON.stringify({ type, timestamp: occurredAt.toISOString(), data });
  return all
    .filter((each) => each.tenant === tenant && each.patterns.some((pattern) => matchesEvent(pattern, type)))
    .map(({ id: subscription }) => ({
      id: `whdel_${randomUUID()}`,
      subscription,
      tenant,
      eventId,
      eventType: type,
      body,
    }));
}

function isActive() {
  return and(isNotNull(webhookSubscriptions.provedAt), isNull(webhookSubscriptions.disabledAt));
}

function whereIs(tenant: string, id: string) {
  return and(eq(webhookDeliveries.tenant, tenant), eq(webhookDeliveries.id, id));
}

function again() {
  return { state: "pending" as const, tries: 0, nextAttemptAt: new Date(), finishedAt: null };
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
