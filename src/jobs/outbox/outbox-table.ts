import { bigserial, index, jsonb, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";
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
  },
  (table) => [index("svc_infra_outbox_position").on(table.position)],
);
