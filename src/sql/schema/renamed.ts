import type { Column, Table } from "drizzle-orm";

/** What a table and its columns were called before. */
export interface FormerNames<Columns extends string = string> {
  /** The former name of the table in the database. */
  readonly from?: string;
  /** The former name in the database of each column, by the name that it has in code. */
  readonly columns?: Readonly<Partial<Record<Columns, string>>>;
}

/** The same for every copy of this module, as the schema and the command line may each load one. */
const formerNames = Symbol.for("svc-infra.formerNames");

/**
 * Declares what a table or its columns were called, so that the next migration renames them and keeps their rows. The
 * declaration may stay: names that the database no longer has mean nothing.
 *
 * @returns the table itself.
 * @example
 * ```ts
 * import { pgTable, serial, text } from "drizzle-orm/pg-core";
 * import { renamed } from "svc-infra/sql";
 *
 * export const users = renamed(
 *   pgTable("users", { id: serial("id").primaryKey(), email: text("email") }),
 *   { from: "people", columns: { email: "mail" } },
 * );
 * ```
 */
export function renamed<T extends Table>(
  table: T,
  names: FormerNames<Extract<keyof T["_"]["columns"], string>>,
): T {
  return Object.defineProperty(table, formerNames, { value: names, configurable: true });
}

/** What {@link renamed} said of a table. */
export function formerNamesOf(table: Table): FormerNames {
  return Object(table)[formerNames] ?? {};
}

/** The name in the database of the column that code calls `key`. */
export function columnNameOf(table: Table, key: string): string | undefined {
  const column: Column | undefined = Object(table)[key];
  return column?.name;
}
