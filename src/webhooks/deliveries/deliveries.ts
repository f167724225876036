import { randomUUID } from "node:crypto";
import { and, asc, desc, eq, inArray, isNotNull, isNull, lt, lte, or, type SQL, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import { HttpError } from "../../http/index.js";
import type { Database } from "../../sql/index.js";
import { matchesEvent } from "../event-pattern.js";
import { webhookAttempts, webhookDeliveries, webhookSubscriptions } from "../schema.js";
import { isProof, type SubscriptionRow } from "../subscriptions/subscriptions.js";
import type { Delivery, DeliveryAttempt, WebhookEvent } from "./delivery.js";
import { type DeliveryCursor, formatCursor, parseCursor } from "./delivery-cursor.js";
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

/** How much of a process the deliveries to each server, and of each tenant, may take. */
export interface ClaimRules {
  /** Most deliveries to take. */
  readonly limit: number;
  /** Most deliveries to one server that the process holds. */
  readonly share: number;
  /** Most deliveries of one tenant that it holds. */
  readonly tenantShare: number;
  /** Deliveries that it holds already. */
  readonly held: HeldDeliveries;
}

/** Numbers of deliveries that a process holds. */
export interface HeldDeliveries {
  readonly bySubscription: ReadonlyMap<string, number>;
  readonly byHost: ReadonlyMap<string, number>;
  readonly byTenant: ReadonlyMap<string, number>;
}

/** The server of a subscription, as {@link Deliveries.claim} tells servers apart. */
export function hostOf({ url }: Pick<SubscriptionRow, "url">): string {
  return url.split("/")[2]?.toLowerCase() ?? "";
}

/** An attempt that has ended. */
export interface SettledAttempt {
  readonly claimed: ClaimedDelivery;
  readonly at: Date;
  readonly answer: EndpointAnswer;
  readonly outcome: Outcome;
  /** Until when the endpoint asked for rest: meanwhile nothing else is sent to it. */
  readonly resumeAt: Date | undefined;
}

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

/** Milliseconds without an attempt after which failures count anew; the schedule leaves a day at most. */
const silenceMs = 48 * 60 * 60 * 1000;

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

  /**
   * Takes deliveries that are due; no other process takes them until the claim ends. Of one subscription it takes as many
   * as the share of its server leaves: all of it while it answers, and one while it fails, so that one in trouble delays no
   * other. What one tenant may take leaves room for others, however many servers it names. Tenants come in turns, and so do
   * the subscriptions of one, however much waits for each.
   *
   * @param claimMs - milliseconds until another process takes over what this one did not finish.
   * @returns them in the order in which they are to be attempted.
   */
  async claim(
    { limit, share, tenantShare, held }: ClaimRules,
    claimMs: number,
  ): Promise<readonly ClaimedDelivery[]> {
    const now = new Date();
    const already = (counts: ReadonlyMap<string, number>, key: string) =>
      sql`coalesce((${JSON.stringify(Object.fromEntries(counts))}::jsonb ->> ${sql.raw(key)})::int, 0)`;
    const due = sql`state = 'pending' and next_attempt_at <= ${now.toISOString()}::timestamptz
      and (claimed_until is null or claimed_until < ${now.toISOString()}::timestamptz)`;
    // One step in the index for each subscription that has something to do, however much that is.
    const fair = sql`
      with recursive hearing as (
        (select subscription from ${webhookDeliveries} where state = 'pending' order by subscription limit 1)
        union all
        select (select subscription from ${webhookDeliveries} as further
          where state = 'pending' and further.subscription > hearing.subscription order by subscription limit 1)
        from hearing where hearing.subscription is not null
      ), open as (
        select id, tenant, lower(split_part(url, '/', 3)) as host, ${already(held.bySubscription, "id")} as held,
          case when failing_since is null then ${share}::int else 1 end as most
        from ${webhookSubscriptions} join hearing on id = hearing.subscription
        where not is_paused and proved_at is not null and disabled_at is null
          and (resume_at is null or resume_at <= ${now.toISOString()}::timestamptz)
      ), waiting as (
        select own.id, host, tenant, next_attempt_at, place,
          row_number() over (partition by host, tenant order by place, next_attempt_at) as turn
        from open cross join lateral (
          select id, next_attempt_at, open.held + row_number() over (order by next_attempt_at) as place
          from (
            select id, next_attempt_at from ${webhookDeliveries}
            where subscription = open.id and ${due} order by next_attempt_at limit ${share}::int
          ) as oldest
        ) as own
        where place <= most
      ), at_host as (
        select id, tenant, next_attempt_at, place,
          ${already(held.byHost, "host")} + row_number() over (partition by host order by turn, next_attempt_at) as of_host
        from waiting
      ), of_tenants as (
        select id, next_attempt_at,
          ${already(held.byTenant, "tenant")} + row_number() over (partition by tenant order by place, next_attempt_at) as of_tenant
        from at_host where of_host <= ${share}::int
      ), fair as (
        select id from of_tenants where of_tenant <= ${tenantShare}::int
        order by of_tenant, next_attempt_at limit ${limit}::int
      )
      select id from ${webhookDeliveries} where id = any(array(select id from fair)) and ${due}
      for update skip locked`;
    const taken = this.#db.$with("taken", { id: webhookDeliveries.id }).as(fair);
    const delivery = this.#db.$with("delivery").as(
      this.#db
        .update(webhookDeliveries)
        .set({ claimedUntil: new Date(now.getTime() + claimMs) })
        .where(sql`${webhookDeliveries.id} = any(array(select id from taken))`)
        .returning(),
    );
    const subscription = alias(webhookSubscriptions, "subscription");
    const claimed = await this.#db
      .with(taken, delivery)
      .select()
      .from(delivery)
      .innerJoin(subscription, eq(subscription.id, delivery.subscription))
      .orderBy(asc(delivery.nextAttemptAt));
    const ofSubscriptions = inTurns(claimed, (each) => each.delivery.subscription, held.bySubscription);
    return inTurns(ofSubscriptions, (each) => each.delivery.tenant, held.byTenant);
  }

  /** Gives claimed deliveries back that were not attempted, but for those that another process has taken over. */
  async release(claimed: readonly ClaimedDelivery[]): Promise<void> {
    if (claimed.length === 0) return;
    const { id, claimedUntil } = webhookDeliveries;
    const ids = claimed.map(({ delivery }) => delivery.id);
    const newest = new Date(Math.max(...claimed.map(({ delivery }) => Number(delivery.claimedUntil))));
    await this.#db
      .update(webhookDeliveries)
      .set({ claimedUntil: null })
      .where(and(inArray(id, ids), lte(claimedUntil, newest)));
  }

  /**
   * Writes down attempts and what becomes of their deliveries and subscriptions: one statement, all of it or nothing.
   *
   * An attempt at a URL that was changed or proved since tells nothing of the present one.
   *
   * @returns since when each subscription has failed whose newest attempt did.
   */
  async settle(attempts: readonly SettledAttempt[]): Promise<ReadonlyMap<string, Date>> {
    const rows = attempts.map(({ claimed: { delivery, subscription }, at, answer, outcome, resumeAt }) => ({
      id: delivery.id,
      subscription: delivery.subscription,
      proved_at: subscription.provedAt,
      at,
      status: answer.status ?? null,
      milliseconds: answer.milliseconds,
      detail: answer.detail,
      state: outcome.state,
      next_attempt_at: outcome.state === "pending" ? outcome.nextAttemptAt : null,
      resume_at: resumeAt ?? null,
      generation: delivery.generation,
    }));
    // The ids lead to the rows by the index, however many the planner expects of the function.
    const ids = sql.param(rows.map(({ id }) => id));
    const failing = await this.#db.execute(sql`
      with settled as (
        select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as settled (
          id text, subscription text, proved_at timestamptz, at timestamptz, status int, milliseconds int, detail text, state text,
          next_attempt_at timestamptz, resume_at timestamptz, generation int)
      ), newest as (
        select distinct on (subscription) subscription, proved_at, at, state = 'delivered' as is_well,
          max(resume_at) over (partition by subscription, proved_at) as resume_at
        from settled order by subscription, at desc
      ), changed as (
        select id, at, is_well, newest.resume_at from ${webhookSubscriptions} as own join newest on id = subscription
        where ${isProof(sql`own.proved_at`, sql`newest.proved_at`)}
          and (not is_well or failing_since is not null or newest.resume_at is not null)
        order by id for no key update of own
      ), health as (
        update ${webhookSubscriptions} as own
        set failing_since = case when is_well then null
            when own.failed_at >= changed.at - ${silenceMs} * interval '1 millisecond' then own.failing_since
            else changed.at end,
          failed_at = case when is_well then null else changed.at end,
          resume_at = greatest(own.resume_at, changed.resume_at)
        from changed where own.id = changed.id
        returning own.id, extract(epoch from own.failing_since) * 1000 as since_ms
      ), written as (
        update ${webhookDeliveries} as own
        set claimed_until = null,
          (state, tries, next_attempt_at, finished_at) = (
            select settled.state, own.tries + 1, coalesce(settled.next_attempt_at, own.next_attempt_at),
              case when settled.state = 'pending' then null else settled.at end
            where own.generation = settled.generation
            union all
            select own.state, own.tries, own.next_attempt_at, own.finished_at
            where own.generation <> settled.generation)
        from settled where own.id = any(${ids}::text[]) and own.id = settled.id
        returning settled.id, settled.at, settled.status, settled.milliseconds, settled.detail
      ), attempt as (
        insert into ${webhookAttempts} (delivery, number, at, status, milliseconds, detail)
        select id, (select count(*) + 1 from ${webhookAttempts} as earlier where earlier.delivery = written.id),
          at, status, milliseconds, detail
        from written
      )
      select id, since_ms from health where since_ms is not null`);
    const { rows: since }: { rows: { id: string; since_ms: string }[] } = Object(failing);
    return new Map(since.map(({ id, since_ms }) => [id, new Date(Number(since_ms))]));
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
    await this.#db
      .delete(webhookDeliveries)
      .where(
        or(
          lt(finishedAt, before),
          and(eq(state, "pending"), lt(createdAt, before), inArray(subscription, stopped)),
        ),
      );
  }
}

/** Those of all owners in turns, so that who has many does not come before the others with all of them. */
function inTurns(
  claimed: readonly ClaimedDelivery[],
  ownerOf: (claimed: ClaimedDelivery) => string,
  held: ReadonlyMap<string, number>,
): readonly ClaimedDelivery[] {
  const counts = new Map(held);
  const placed = claimed.map((each) => {
    const place = (counts.get(ownerOf(each)) ?? 0) + 1;
    counts.set(ownerOf(each), place);
    return { each, place };
  });
  return placed.sort((a, b) => a.place - b.place).map(({ each }) => each);
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
