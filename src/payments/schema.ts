import { boolean, integer, pgTable, text, timestamp } from "drizzle-orm/pg-core";

/** The customer of each tenant. */
export const paymentCustomers = pgTable("svc_infra_payment_customers", {
  tenant: text("tenant").primaryKey(),
  customer: text("customer").notNull().unique(),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});

/** Events of the provider, each kept once before it is handled. */
export const paymentEvents = pgTable("svc_infra_payment_events", {
  id: text("id").primaryKey(),
  type: text("type").notNull(),
  customer: text("customer"),
  receivedAt: timestamp("received_at", { withTimezone: true }).notNull().defaultNow(),
});

/** What each tenant has paid for, as the provider told it last. */
export const entitlements = pgTable("svc_infra_entitlements", {
  tenant: text("tenant").primaryKey(),
  /** Prices of subscriptions that are paid. */
  prices: text("prices").array().notNull(),
  paidUntil: timestamp("paid_until", { withTimezone: true }),
  isEnding: boolean("is_ending").notNull(),
  /** Rises with each look at the provider: a look that began earlier never overwrites one that began later. */
  revision: integer("revision").notNull(),
});
