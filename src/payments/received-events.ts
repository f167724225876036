import { isNull, sql as statement } from "drizzle-orm";
import type { Database } from "../sql/index.js";
import { entitlements, paymentCustomers, paymentEvents } from "./schema.js";

/** An event of the provider: what it is about is looked up, so that its order does not matter. */
export interface ProviderEvent {
  readonly id: string;
  readonly type: string;
  readonly customer: string | undefined;
}

/** Customers that one sweep looks up at most. */
const sweepSize = 1000;

/** Keeps an event. Returns whether it is still to be handled: it is new, or it came before and was not handled. */
export async function keepEvent(tx: Database, { id, type, customer }: ProviderEvent): Promise<boolean> {
  const handledAt = customer === undefined ? new Date() : undefined;
  const rows = await tx
    .insert(paymentEvents)
    .values({ id, type, customer, handledAt })
    .onConflictDoUpdate({
      target: paymentEvents.id,
      set: { type },
      setWhere: isNull(paymentEvents.handledAt),
    })
    .returning({ id: paymentEvents.id });
  return rows.length > 0 && customer !== undefined;
}

/** Customers whose check is due, or who have an event that was not handled within a minute. */
export async function dueCustomers(db: Database): Promise<readonly string[]> {
  const waiting = statement`exists (select 1 from ${paymentEvents} where ${paymentEvents.customer} = ${paymentCustomers.customer}
    and ${paymentEvents.handledAt} is null and ${paymentEvents.receivedAt} < now() - interval '1 minute')`;
  const rows = await db
    .select({ customer: paymentCustomers.customer })
    .from(paymentCustomers)
    .leftJoin(entitlements, statement`${entitlements.tenant} = ${paymentCustomers.tenant}`)
    .where(
      statement`${paymentCustomers.customer} is not null
        and (${entitlements.checkAt} is null or ${entitlements.checkAt} <= now() or ${waiting})`,
    )
    .orderBy(statement`${entitlements.checkAt} nulls first`)
    .limit(sweepSize);
  return rows.flatMap(({ customer }) => customer ?? []);
}

/** Removes events that are older than their retention. */
export async function removeOldEvents(db: Database, days: number): Promise<void> {
  await db
    .delete(paymentEvents)
    .where(statement`${paymentEvents.receivedAt} < now() - make_interval(days => ${days})`);
}
