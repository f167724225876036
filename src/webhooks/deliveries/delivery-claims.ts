import { and, asc, eq, inArray, lte, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type { Database } from "../../sql/index.js";
import { webhookAttempts, webhookDeliveries, webhookSubscriptions } from "../schema.js";
import { isProof, type SubscriptionRow } from "../subscriptions/subscriptions.js";
import type { EndpointAnswer } from "./post-signed.js";

/** A delivery that this process is to attempt now. */
export interface ClaimedDelivery {
  readonly delivery: typeof webhookDeliveries.$inferSelect;
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

/** The server of a subscription, as {@link DeliveryClaims.claim} tells servers apart. */
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

/** Milliseconds without an attempt after which failures count anew; the schedule leaves a day at most. */
const silenceMs = 48 * 60 * 60 * 1000;

/** The table of deliveries as processes share it: who attempts what, and what came of it. */
export class DeliveryClaims {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
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
   * An attempt at a URL that was changed or proved since tells nothing of the present one. An attempt whose claim has ended,
   * as its delivery was taken over, is written down and decides nothing.
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
      claimed_until: delivery.claimedUntil,
    }));
    const isDeciding = sql`(own.generation, own.claimed_until) = (results.generation, results.claimed_until)`;
    // The ids lead to the rows by the index, however many the planner expects of the function.
    const ids = sql.param(rows.map(({ id }) => id));
    const failing = await this.#db.execute(sql`
      with results as (
        select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as results (
          id text, subscription text, proved_at timestamptz, at timestamptz, status int, milliseconds int, detail text, state text,
          next_attempt_at timestamptz, resume_at timestamptz, generation int, claimed_until timestamptz)
      ), newest as (
        select distinct on (subscription) subscription, proved_at, at, state = 'delivered' as is_well,
          max(resume_at) over (partition by subscription, proved_at) as resume_at
        from results order by subscription, at desc
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
        set claimed_until = nullif(own.claimed_until, results.claimed_until),
          (state, tries, next_attempt_at, finished_at) = (
            select results.state, own.tries + 1, coalesce(results.next_attempt_at, own.next_attempt_at),
              case when results.state = 'pending' then null else results.at end
            where ${isDeciding}
            union all
            select own.state, own.tries, own.next_attempt_at, own.finished_at
            where (${isDeciding}) is not true)
        from results where own.id = any(${ids}::text[]) and own.id = results.id
        returning results.id, results.at, results.status, results.milliseconds, results.detail
      ), attempt as (
        insert into ${webhookAttempts} (delivery, number, at, status, milliseconds, detail)
        select id, (select count(*) + 1 from ${webhookAttempts} as earlier where earlier.delivery = written.id),
          at, status, milliseconds, detail
        from written
        on conflict do nothing
      )
      select id, since_ms from health where since_ms is not null`);
    const { rows: since }: { rows: { id: string; since_ms: string }[] } = Object(failing);
    return new Map(since.map(({ id, since_ms }) => [id, new Date(Number(since_ms))]));
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
