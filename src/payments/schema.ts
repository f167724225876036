import { sql } from "drizzle-orm";
import { index, integer, jsonb, pgTable, text, timestamp } from "drizzle-orm/pg-core";

/** The customer of each tenant. */
export const paymentCustomers = pgTable("svc_infra_payment_customers", {
  tenant: text("tenant").primaryKey(),
  /** Names one attempt at making the customer: the same while its outcome is unknown. */
  attempt: text("attempt").notNull(),
  /** What that attempt says; kept only until it has succeeded. */
  email: text("email"),
  customer: text("customer").unique(),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});

/** Events of the provider, each kept once before it is handled. */
export const paymentEvents = pgTable(
  "svc_infra_payment_events",
  {
    id: text("id").primaryKey(),
    type: text("type").notNull(),
    customer: text("customer"),
    receivedAt: timestamp("received_at", { withTimezone: true }).notNull().defaultNow(),
    /** When what it is about was looked up; none while that is still to be done, and where the customer belongs to no tenant. */
    handledAt: timestamp("handled_at", { withTimezone: true }),
  },
  ({ customer, receivedAt, handledAt }) => [
    index("svc_infra_payment_events_received").on(receivedAt),
    index("svc_infra_payment_events_unhandled").on(customer).where(sql`${handledAt} is null`),
  ],
);

/** A subscription that is paid, as it is kept. */
export interface KeptSubscription {
  readonly prices: readonly string[];
  /** RFC 3339. */
  readonly paidUntil: string;
  readonly isEnding: boolean;
}

/** What each tenant has paid for, as the provider told it last. */
export const entitlements = pgTable(
  "svc_infra_entitlements",
  {
    tenant: text("tenant").primaryKey(),
    subscriptions: jsonb("subscriptions").$type<readonly KeptSubscription[]>().notNull(),
    /** Rises with each query of the provider: one that began earlier never overwrites one that began later. */
    revision: integer("revision").notNull(),
    /** When the provider is asked again, whether an event came or not. */
    checkAt: timestamp("check_at", { withTimezone: true }).notNull(),
  },
  ({ checkAt }) => [index("svc_infra_entitlements_check").on(checkAt)],
);
