import { sql } from "drizzle-orm";
import {
  boolean,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
} from "drizzle-orm/pg-core";

/** A time in UTC, to the microsecond. */
const time = (name: string) => timestamp(name, { withTimezone: true });

/** A secret that another one has replaced. */
interface PreviousSecret {
  readonly sealed: string;
  readonly until: number;
}

/** Where a tenant wants to hear of events. */
export const webhookSubscriptions = pgTable(
  "svc_infra_webhook_subscriptions",
  {
    id: text("id").primaryKey(),
    tenant: text("tenant").notNull(),
    url: text("url").notNull(),
    /** Types or patterns such as `invoice.*`. */
    events: text("events").array().notNull(),
    description: text("description").notNull().default(""),
    isPaused: boolean("is_paused").notNull().default(false),
    /** When the URL answered the challenge; nothing is delivered before. */
    provedAt: time("proved_at"),
    disabledAt: time("disabled_at"),
    disabledReason: text("disabled_reason"),
    /** The first of the failures that followed each other without a success or a long silence between. */
    failingSince: time("failing_since"),
    /** The newest of them. */
    failedAt: time("failed_at"),
    /** Until when the endpoint asked for rest, by `Retry-After`. */
    resumeAt: time("resume_at"),
    /** Encrypted. */
    secret: text("secret").notNull(),
    /**
     * Encrypted; takes the place of `secret` when that is rotated. It signs from the start, so that no message that is under
     * way when it is shown lacks its signature. None in rows from before this column.
     */
    nextSecret: text("next_secret"),
    /** Encrypted; each signs beside `secret` until its time, in milliseconds since the epoch. */
    previousSecrets: jsonb("previous_secrets").$type<PreviousSecret[]>().notNull().default([]),
    /** When the owner is to be told that it was disabled; none when that is done. */
    tellOwnerAt: time("tell_owner_at"),
    createdAt: time("created_at").notNull().defaultNow(),
  },
  (table) => [
    index("svc_infra_webhook_subscriptions_tenant").on(table.tenant),
    index("svc_infra_webhook_subscriptions_untold")
      .on(table.tellOwnerAt)
      .where(sql`tell_owner_at is not null`),
  ],
);

/** One event for one subscription, until its retention ends. */
export const webhookDeliveries = pgTable(
  "svc_infra_webhook_deliveries",
  {
    id: text("id").primaryKey(),
    subscription: text("subscription")
      .notNull()
      .references(() => webhookSubscriptions.id, { onDelete: "cascade" }),
    tenant: text("tenant").notNull(),
    /** The `webhook-id`: the same at each attempt and at each redelivery. */
    eventId: text("event_id").notNull(),
    eventType: text("event_type").notNull(),
    body: text("body").notNull(),
    state: text("state", { enum: ["pending", "delivered", "failed"] })
      .notNull()
      .default("pending"),
    /** Attempts since the event or the last redelivery; the place in the schedule. */
    tries: integer("tries").notNull().default(0),
    nextAttemptAt: time("next_attempt_at").notNull().defaultNow(),
    /** Rises with each redelivery: an attempt that began before it decides nothing. */
    generation: integer("generation").notNull().default(0),
    /** While a process attempts it; one that died is taken over after this time. */
    claimedUntil: time("claimed_until"),
    createdAt: time("created_at").notNull().defaultNow(),
    finishedAt: time("finished_at"),
  },
  (table) => [
    uniqueIndex("svc_infra_webhook_deliveries_once").on(table.subscription, table.eventId),
    index("svc_infra_webhook_deliveries_due")
      .on(table.subscription, table.nextAttemptAt)
      .where(sql`state = 'pending'`),
    index("svc_infra_webhook_deliveries_tenant").on(table.tenant, table.createdAt),
    index("svc_infra_webhook_deliveries_finished").on(table.finishedAt).where(sql`finished_at is not null`),
  ],
);

/** One attempt of a delivery. */
export const webhookAttempts = pgTable(
  "svc_infra_webhook_attempts",
  {
    delivery: text("delivery")
      .notNull()
      .references(() => webhookDeliveries.id, { onDelete: "cascade" }),
    number: integer("number").notNull(),
    at: time("at").notNull(),
    /** HTTP status; none when no answer came. */
    status: integer("status"),
    milliseconds: integer("milliseconds").notNull(),
    /** The first KiB of the answer, or why there was none. */
    detail: text("detail").notNull(),
  },
  (table) => [primaryKey({ columns: [table.delivery, table.number] })],
);
