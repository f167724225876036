import { eq, sql as statement } from "drizzle-orm";
import type { Database } from "../sql/index.js";
import type { ProviderSubscription } from "./payment-provider.js";
import { entitlements, type KeptSubscription, paymentCustomers, paymentEvents } from "./schema.js";

/** A look at the provider that has begun. */
export interface Look {
  readonly customer: string;
  readonly tenant: string;
  readonly revision: number;
  /** By the clock of the database, to the microsecond: events that came until then are covered by it. */
  readonly at: string;
}

/** The longest time between two looks at the provider, whether events come or not. */
const checkAfterMs = 86_400_000;

/** What the tenants have paid for, in the application's own database. */
export class Entitlements {
  readonly #db: Database;
  readonly #graceMs: number;

  constructor(db: Database, graceMs: number) {
    this.#db = db;
    this.#graceMs = graceMs;
  }

  /** What a tenant has paid for at this moment. A subscription that ends has no grace: nothing is still to be paid. */
  async current(tenant: string): Promise<readonly KeptSubscription[]> {
    const [row] = await this.#db.select().from(entitlements).where(eq(entitlements.tenant, tenant));
    const now = Date.now();
    return (row?.subscriptions ?? []).filter(
      ({ paidUntil, isEnding }) => now < Date.parse(paidUntil) + (isEnding ? 0 : this.#graceMs),
    );
  }

  /**
   * Begins a look, before the provider is asked: of two looks at once only the later one is written down. When it fails,
   * the next one is due in ten minutes. A customer that belongs to no tenant, or to one that is erased, gets none.
   */
  async begin(customer: string): Promise<Look | undefined> {
    const soon = statement`now() + interval '10 minutes'`;
    const [row] = await this.#db
      .insert(entitlements)
      .select(
        this.#db
          .select({
            tenant: paymentCustomers.tenant,
            subscriptions: statement`'[]'::jsonb`.as("subscriptions"),
            revision: statement`1`.as("revision"),
            checkAt: soon.as("check_at"),
          })
          .from(paymentCustomers)
          .where(eq(paymentCustomers.customer, customer))
          .for("key share"),
      )
      .onConflictDoUpdate({
        target: entitlements.tenant,
        set: { revision: statement`${entitlements.revision} + 1`, checkAt: soon },
      })
      .returning({
        tenant: entitlements.tenant,
        revision: entitlements.revision,
        at: statement<string>`now()::text`,
      });
    return row && { customer, ...row };
  }

  /**
   * Writes down what a look has found, and that the events before it are handled. Nothing is written when the tenant was
   * erased meanwhile, also when it has another customer since.
   */
  async finish(
    { customer, tenant, revision, at }: Look,
    found: readonly ProviderSubscription[],
  ): Promise<void> {
    const subscriptions = found.flatMap(toKept);
    await this.#db.transaction(async (tx) => {
      const written = await tx
        .update(entitlements)
        .set({ subscriptions, checkAt: nextCheck(subscriptions) })
        .where(
          statement`${entitlements.tenant} = ${tenant} and ${entitlements.revision} = ${revision} and exists
            (select 1 from ${paymentCustomers} where ${paymentCustomers.tenant} = ${tenant} and ${paymentCustomers.customer} = ${customer})`,
        )
        .returning({ tenant: entitlements.tenant });
      if (written.length === 0) return;
      const { customer: whose, handledAt, receivedAt } = paymentEvents;
      await tx
        .update(paymentEvents)
        .set({ handledAt: statement`now()` })
        .where(
          statement`${whose} = ${customer} and ${handledAt} is null and ${receivedAt} <= ${at}::timestamptz`,
        );
    });
  }
}

function toKept({ prices, paidUntil, isEnding }: ProviderSubscription): readonly KeptSubscription[] {
  return paidUntil === undefined ? [] : [{ prices, paidUntil: paidUntil.toISOString(), isEnding }];
}

/** The next look is due when something that is paid comes to its end, and after a day at the latest. */
function nextCheck(subscriptions: readonly KeptSubscription[]): Date {
  const now = Date.now();
  const ends = subscriptions.map(({ paidUntil }) => Date.parse(paidUntil)).filter((end) => end > now);
  return new Date(Math.min(now + checkAfterMs, ...ends));
}
