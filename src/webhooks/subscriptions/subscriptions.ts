import { randomBytes, randomUUID } from "node:crypto";
import { and, desc, eq, isNull, lte, type SQL, type SQLWrapper, sql } from "drizzle-orm";
import { HttpError } from "../../http/index.js";
import type { ForeignClient } from "../../outbound/index.js";
import type { Database } from "../../sql/index.js";
import { isEventPattern } from "../event-pattern.js";
import { webhookSubscriptions } from "../schema.js";
import type { SecretBox } from "../secret-box.js";
import type {
  DisabledSubscription,
  Subscription,
  SubscriptionChanges,
  SubscriptionInput,
  SubscriptionWithSecret,
} from "./subscription.js";

const overlapMs = 24 * 60 * 60 * 1000;
const maxPerTenant = 50;
/** "whsu" in ASCII: the advisory locks of tenants whose subscriptions are added. */
const addingLock = 0x77687375;
/** Secrets that sign beside the newest one: each makes the header of every message longer. */
const maxPrevious = 4;

/** A row of the table of subscriptions. */
export type SubscriptionRow = typeof webhookSubscriptions.$inferSelect;

/** The subscriptions of all tenants; every call names the tenant whose they are. */
export class Subscriptions {
  readonly #db: Database;
  readonly #box: SecretBox;
  readonly #client: ForeignClient;

  constructor(db: Database, box: SecretBox, client: ForeignClient) {
    this.#db = db;
    this.#box = box;
    this.#client = client;
  }

  /**
   * Adds a subscription, which is to be proved before anything is delivered.
   *
   * @throws ForeignError for a URL that may not be dialled, HttpError for another field.
   */
  async add(tenant: string, input: SubscriptionInput): Promise<SubscriptionWithSecret> {
    const url = this.#dialled(input.url);
    checkPatterns(input.events);
    const id = `whsub_${randomUUID()}`;
    const secret = newSecret();
    const { events, description = "", isPaused = false } = input;
    const values = {
      id,
      tenant,
      url,
      events: [...events],
      description,
      isPaused,
      secret: this.#box.seal(secret, id),
      nextSecret: this.#box.seal(newSecret(), id),
    };
    const [row] = await this.#db.transaction(async (tx) => {
      // One after the other, as those that are added at once would not count each other.
      await tx.execute(sql`select pg_advisory_xact_lock(${addingLock}, hashtext(${tenant}))`);
      const ofTenant = eq(webhookSubscriptions.tenant, tenant);
      const present = await tx
        .select({ id: webhookSubscriptions.id })
        .from(webhookSubscriptions)
        .where(ofTenant);
      if (present.length >= maxPerTenant) {
        throw new HttpError(409, "too_many_subscriptions", `there can be ${maxPerTenant} subscriptions`);
      }
      return tx.insert(webhookSubscriptions).values(values).returning();
    });
    return { subscription: shown(existing(row)), secret };
  }

  async list(tenant: string): Promise<readonly Subscription[]> {
    const rows = await this.#db
      .select()
      .from(webhookSubscriptions)
      .where(eq(webhookSubscriptions.tenant, tenant))
      .orderBy(desc(webhookSubscriptions.createdAt));
    return rows.map(shown);
  }

  /** @throws HttpError (404), also for the subscription of another tenant. */
  async get(tenant: string, id: string): Promise<Subscription> {
    return shown(await this.row(tenant, id));
  }

  /** Changes what is given; another URL is to be proved anew, and a disabled subscription is taken up again by a proof. */
  async change(tenant: string, id: string, input: SubscriptionChanges): Promise<Subscription> {
    const url = input.url === undefined ? undefined : this.#dialled(input.url);
    checkPatterns(input.events);
    const { events, description, isPaused } = input;
    const given = { url, events: events && [...events], description, isPaused };
    if (Object.values(given).every((each) => each === undefined)) return this.get(tenant, id);
    const { url: present, provedAt } = webhookSubscriptions;
    const moved = { provedAt: sql`case when ${present} in (${url}, ${input.url}) then ${provedAt} end` };
    const rows = await this.#db
      .update(webhookSubscriptions)
      .set({ ...given, ...(url === undefined ? {} : moved) })
      .where(whereIs(tenant, id))
      .returning();
    return shown(existing(rows[0]));
  }

  /** @throws HttpError (404), also for the subscription of another tenant. */
  async remove(tenant: string, id: string): Promise<void> {
    const rows = await this.#db.delete(webhookSubscriptions).where(whereIs(tenant, id)).returning();
    existing(rows[0]);
  }

  /** Removes all subscriptions of a tenant, with their deliveries. */
  async removeAll(tenant: string): Promise<void> {
    await this.#db.delete(webhookSubscriptions).where(eq(webhookSubscriptions.tenant, tenant));
  }

  /**
   * Makes another secret; each one before it signs for a day from when it was replaced, so that the receiver can take its
   * time, also after several rotations. The new one has signed beside it already.
   *
   * @throws HttpError (404), and 409 when four secrets sign beside the present one.
   */
  async rotate(tenant: string, id: string): Promise<SubscriptionWithSecret> {
    const row = await this.#db.transaction(async (tx) => {
      const found = tx.select().from(webhookSubscriptions).where(whereIs(tenant, id));
      const [locked] = await found.for("no key update");
      const before = existing(locked);
      const now = Date.now();
      const kept = before.previousSecrets.filter(({ until }) => until > now);
      if (kept.length >= maxPrevious) {
        const message = `the secret was replaced ${maxPrevious} times within a day; wait until the oldest one ends`;
        throw new HttpError(409, "too_many_secrets", message);
      }
      const previousSecrets = [{ sealed: before.secret, until: now + overlapMs }, ...kept];
      const sealed = () => this.#box.seal(newSecret(), id);
      const changes = { secret: before.nextSecret ?? sealed(), nextSecret: sealed(), previousSecrets };
      return (await tx.update(webhookSubscriptions).set(changes).where(whereIs(tenant, id)).returning())[0];
    });
    const rotated = existing(row);
    return { subscription: shown(rotated), secret: this.#box.open(rotated.secret, id) };
  }

  /** Marks the URL as proved, and takes a disabled subscription up again. */
  async markProved(tenant: string, id: string, url: string): Promise<Subscription> {
    const rows = await this.#db
      .update(webhookSubscriptions)
      .set({
        provedAt: new Date(),
        disabledAt: null,
        disabledReason: null,
        failingSince: null,
        failedAt: null,
        resumeAt: null,
        tellOwnerAt: null,
      })
      .where(and(whereIs(tenant, id), eq(webhookSubscriptions.url, url)))
      .returning();
    return shown(existing(rows[0]));
  }

  /**
   * Stops deliveries until the URL is proved again. Resolves to whether this call did it.
   *
   * @param seenProof - the `provedAt` that the reason is about: a URL that was changed or proved since stays.
   */
  async disable(id: string, reason: string, seenProof?: Date | null): Promise<boolean> {
    const { provedAt, disabledAt } = webhookSubscriptions;
    const isSeen = seenProof && isProof(provedAt, sql`${seenProof.toISOString()}::timestamptz`);
    const now = new Date();
    const rows = await this.#db
      .update(webhookSubscriptions)
      .set({ disabledAt: now, disabledReason: reason, tellOwnerAt: now })
      .where(and(eq(webhookSubscriptions.id, id), isNull(disabledAt), isSeen || undefined))
      .returning();
    return rows.length > 0;
  }

  /**
   * Takes disabled subscriptions whose owners are to be told. Until {@link markTold} they are given out again after a time,
   * to whatever process asks then.
   */
  async takeUntold(againMs: number): Promise<readonly DisabledSubscription[]> {
    const now = Date.now();
    const { id, tenant, url, tellOwnerAt, disabledAt, disabledReason } = webhookSubscriptions;
    const rows = await this.#db
      .update(webhookSubscriptions)
      .set({ tellOwnerAt: new Date(now + againMs) })
      .where(lte(tellOwnerAt, new Date(now)))
      .returning({ id, tenant, url, reason: disabledReason, disabledAt });
    return rows.map(({ reason, disabledAt: at, ...row }) => ({
      ...row,
      reason: reason ?? "",
      disabledAt: at ?? new Date(now),
    }));
  }

  /** The owner was told of this time at which it was disabled, and not of a later one. */
  async markTold({ id, disabledAt }: DisabledSubscription): Promise<void> {
    await this.#db
      .update(webhookSubscriptions)
      .set({ tellOwnerAt: null })
      .where(and(eq(webhookSubscriptions.id, id), eq(webhookSubscriptions.disabledAt, disabledAt)));
  }

  /** The secrets that sign now: the present one, the next one, and those before it during a rotation. */
  secretsOf({ id, secret, nextSecret, previousSecrets }: SubscriptionRow): readonly string[] {
    const now = Date.now();
    const previous = previousSecrets.filter(({ until }) => until > now).map(({ sealed }) => sealed);
    const own = nextSecret === null ? [secret] : [secret, nextSecret];
    return [...own, ...previous].map((sealed) => this.#box.open(sealed, id));
  }

  /** @throws HttpError (404), also for the subscription of another tenant. */
  async row(tenant: string, id: string): Promise<SubscriptionRow> {
    const [row] = await this.#db.select().from(webhookSubscriptions).where(whereIs(tenant, id));
    return existing(row);
  }

  /** The one spelling that is kept: servers are told apart by it. */
  #dialled(url: string): string {
    return this.#client.checkUrl(url).href;
  }
}

function checkPatterns(events: readonly string[] = ["*"]): void {
  const wrong = events.find((pattern) => !isEventPattern(pattern));
  if (events.length === 0 || events.length > 100) {
    throw new HttpError(400, "bad_request", "events: expected 1 to 100 types");
  }
  if (wrong !== undefined) {
    const expected = "expected types like invoice.paid, or patterns like invoice.* and *";
    throw new HttpError(400, "bad_request", `events: ${expected}, not '${wrong.slice(0, 128)}'`);
  }
}

/** Whether a proof is the one that a process has seen, which knows it to the millisecond. */
export function isProof(provedAt: SQLWrapper, seen: SQL): SQL {
  return sql`date_trunc('milliseconds', ${provedAt}) = ${seen}`;
}

/** A subscription of another tenant is answered like a missing one. */
function existing(row: SubscriptionRow | undefined): SubscriptionRow {
  if (row === undefined) throw new HttpError(404, "not_found", "there is no such subscription");
  return row;
}

function whereIs(tenant: string, id: string) {
  return and(eq(webhookSubscriptions.tenant, tenant), eq(webhookSubscriptions.id, id));
}

function newSecret(): string {
  return `whsec_${randomBytes(32).toString("base64")}`;
}

function shown(row: SubscriptionRow): Subscription {
  const { id, url, events, description, isPaused, provedAt, disabledAt, disabledReason, createdAt } = row;
  return { id, url, events, description, isPaused, provedAt, disabledAt, disabledReason, createdAt };
}
