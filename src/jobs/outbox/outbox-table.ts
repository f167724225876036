import { sql } from "drizzle-orm";
import { bigserial, index, integer, jsonb, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";
import type { NewJob } from "../job-driver.js";

/** Jobs that transactions have left; a row goes when its job is in the queue. */
export const outbox = pgTable(
  "svc_infra_outbox",
  {
    id: uuid("id").primaryKey(),
    position: bigserial("position", { mode: "bigint" }).notNull(),
    key: text("key"),
    job: jsonb("job").$type<Omit<NewJob, "id">>().notNull(),
    createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
    /** How often the queue has refused it. */
    failedAttempts: integer("failed_attempts").notNull().default(0),
    /** When a refused row is tried again; one without it is dead. */
    retryAt: timestamp("retry_at", { withTimezone: true }),
    /** Why the queue refused it last. */
    error: text("error"),
  },
  (table) => [
    index("svc_infra_outbox_position").on(table.position),
    index("svc_infra_outbox_held").on(table.key).where(sql`"retry_at" is not null`),
  ],
);
