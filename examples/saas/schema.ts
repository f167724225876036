import { boolean, integer, pgTable, primaryKey, text, timestamp } from "drizzle-orm/pg-core";

/** What is known of a document beside its content, which is in the storage. */
export const documents = pgTable(
  "documents",
  {
    /** The organisation that it belongs to. */
    tenant: text("tenant").notNull(),
    /** Its key among the tenant's files. */
    name: text("name").notNull(),
    /** Which content it is about. */
    etag: text("etag").notNull(),
    size: integer("size").notNull(),
    hasPreview: boolean("has_preview").notNull(),
    readyAt: timestamp("ready_at", { withTimezone: true }).notNull().defaultNow(),
  },
  ({ tenant, name }) => [primaryKey({ columns: [tenant, name] })],
);
