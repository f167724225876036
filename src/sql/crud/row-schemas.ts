import { is } from "drizzle-orm";
import { type PgColumn, PgUUID } from "drizzle-orm/pg-core";
import { createInsertSchema, createSelectSchema, createUpdateSchema } from "drizzle-zod";
import { z } from "zod";
import type { TableShape } from "./table-shape.js";

/** The bodies of requests and answers. */
export interface RowSchemas {
  readonly create: z.ZodObject;
  readonly patch: z.ZodObject;
  readonly row: z.ZodObject;
  readonly page: z.ZodObject;
  readonly query: z.ZodObject;
}

/** A moment, as JSON has it (RFC 3339). */
const moment = z.iso.datetime({
  offset: true,
  message: "Expected a date and time with a time zone, as in 2026-01-31T12:00:00Z",
});
const toDate = moment.transform((text) => new Date(text));

/** Schemas of a table's rows. What callers may not write is unknown to them, and unknown fields are refused. */
export function rowSchemas(shape: TableShape, maxPageSize: number): RowSchemas {
  const { table, visible, writable } = shape;
  const [dates, shownDates] = [
    refinements(shape, toDate),
    refinements(shape, z.iso.datetime({ offset: true })),
  ];
  const row = pick(createSelectSchema(table, shownDates), visible);
  return {
    create: pick(createInsertSchema(table, dates), writable).strict(),
    patch: pick(createUpdateSchema(table, dates), writable).strict(),
    row,
    page: z.object({ items: z.array(row), nextCursor: z.string().nullable() }),
    query: querySchema(shape, maxPageSize),
  };
}

/** PostgreSQL takes a UUID of any version (RFC 9562 knows eight), as `md5(...)::uuid` makes one. */
const anyUuid = z.guid();

function refinements({ columns }: TableShape, date: z.ZodType) {
  const refined = Object.entries(columns).flatMap(([name, column]) => {
    if (column.dataType === "date") return [[name, () => date]];
    return is(column, PgUUID) ? [[name, () => anyUuid]] : [];
  });
  return Object.fromEntries(refined) as Record<string, never>;
}

function pick(schema: z.ZodObject, names: readonly string[]): z.ZodObject {
  const known = names.filter((name) => Object.hasOwn(schema.shape, name));
  return z.object(Object.fromEntries(known.map((name) => [name, schema.shape[name] ?? z.never()])));
}

function querySchema({ table, columns, filters, sorts }: TableShape, maxPageSize: number): z.ZodObject {
  const { shape } = createSelectSchema(table);
  const values: Record<string, z.ZodType> = Object.fromEntries(
    filters.map((name) => [name, fromText(columns[name], shape[name]).optional()]),
  );
  const orders = sorts.flatMap((name) => [name, `-${name}`]);
  return z.object({
    ...values,
    limit: z
      .string()
      .regex(/^[0-9]{1,6}$/, "Expected a whole number above 0")
      .transform(Number)
      .pipe(z.int().min(1).max(maxPageSize))
      .optional(),
    sort: z.enum(orders).optional(),
    cursor: z.string().max(4096).optional(),
  });
}

/** Reads the value of a column from a query, where everything is text. */
function fromText(column: PgColumn | undefined, schema: unknown): z.ZodType {
  if (column?.dataType === "date") return toDate;
  if (is(column, PgUUID)) return anyUuid;
  if (column?.dataType === "boolean") return z.enum(["true", "false"]).transform((word) => word === "true");
  const own = schema instanceof z.ZodNullable ? schema.unwrap() : schema;
  const target = own instanceof z.ZodType ? own : z.string();
  if (column?.dataType !== "number") return target;
  return z
    .string()
    .regex(/^-?[0-9]{1,20}(?:\.[0-9]{1,20})?$/, "Expected a number")
    .transform(Number)
    .pipe(target as z.ZodType<unknown, number>);
}
