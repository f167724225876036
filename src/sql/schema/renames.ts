import { getTableConfig, type PgTable } from "drizzle-orm/pg-core";
import type { SqlStep } from "../migrations/sql-file.js";
import { columnNameOf, formerNamesOf } from "./renamed.js";
import {
  type ForeignKeyJson,
  mapValues,
  quoted,
  type SchemaJson,
  type TableJson,
  tableName,
} from "./schema-json.js";

/** A table that has another name, or columns that have, by the keys and names of the database. */
export interface Rename {
  /** Key of the table after it, as in `public.users`. */
  readonly to: string;
  /** Key of the table before it. */
  readonly from: string;
  /** Former name of a column by its new name. */
  readonly columns: ReadonlyMap<string, string>;
}

/** The renames that the schema declares and the former schema has not seen. */
export function declaredRenames(tables: readonly PgTable[], former: SchemaJson): Rename[] {
  return tables
    .map((table) => renameOf(table, former))
    .filter(({ to, from, columns }) => to !== from || columns.size > 0);
}

/** The way back. */
export function inverseOf({ to, from, columns }: Rename): Rename {
  return { to: from, from: to, columns: new Map([...columns].map(([now, before]) => [before, now])) };
}

/** Applies renames to a schema, and says which statements do so in the database. */
export function applyRenames(
  schema: SchemaJson,
  renames: readonly Rename[],
): { schema: SchemaJson; steps: SqlStep[] } {
  return renames.reduce(
    ({ schema: before, steps }, rename) => {
      const table = before.tables[rename.from];
      if (table === undefined) return { schema: before, steps };
      const after = renameTable(before, table, rename);
      return { schema: after, steps: [...steps, ...statementsFor(table, rename)] };
    },
    { schema, steps: [] as SqlStep[] },
  );
}

function renameOf(table: PgTable, former: SchemaJson): Rename {
  const { name, schema = "public" } = getTableConfig(table);
  const { from: formerName = name, columns = {} } = formerNamesOf(table);
  const to = `${schema}.${name}`;
  const isNew = former.tables[to] === undefined && former.tables[`${schema}.${formerName}`] !== undefined;
  const from = isNew ? `${schema}.${formerName}` : to;
  const known = former.tables[from]?.columns ?? {};
  const pairs = Object.entries(columns).map(
    ([key, before]) => [columnNameOf(table, key) ?? key, before ?? ""] as const,
  );
  return {
    to,
    from,
    columns: new Map(pairs.filter(([now, before]) => now !== before && before in known && !(now in known))),
  };
}

function statementsFor(table: TableJson, { to, columns }: Rename): SqlStep[] {
  const name = nameIn(to);
  const renamed = { ...table, name };
  const move = name === table.name ? [] : [`ALTER TABLE ${tableName(table)} RENAME TO ${quoted(name)};`];
  const moves = [...columns].map(
    ([now, before]) => `ALTER TABLE ${tableName(renamed)} RENAME COLUMN ${quoted(before)} TO ${quoted(now)};`,
  );
  return [...move, ...moves].map((statement) => ({ statement }));
}

function renameTable(schema: SchemaJson, table: TableJson, { to, from, columns }: Rename): SchemaJson {
  const newName = newNames(columns);
  const others = Object.entries(schema.tables).filter(([key]) => key !== from);
  const moved = [to, renameColumns({ ...table, name: nameIn(to) }, newName)] as const;
  const tables = mapValues(Object.fromEntries([...others, moved]), (each) => ({
    ...each,
    foreignKeys: mapValues(each.foreignKeys, (key) => renameInKey(key, table, nameIn(to), newName)),
  }));
  return { ...schema, tables };
}

function renameColumns(table: TableJson, newName: (name: string) => string): TableJson {
  const inColumns = <T extends { readonly columns: readonly string[] }>(each: T) => ({
    ...each,
    columns: each.columns.map(newName),
  });
  const columns = Object.values(table.columns).map((column) => ({ ...column, name: newName(column.name) }));
  return {
    ...table,
    columns: Object.fromEntries(columns.map((column) => [column.name, column])),
    compositePrimaryKeys: mapValues(table.compositePrimaryKeys, inColumns),
    uniqueConstraints: mapValues(table.uniqueConstraints, inColumns),
    indexes: mapValues(table.indexes, (index) => ({
      ...index,
      columns: index.columns.map((each) =>
        each.isExpression ? each : { ...each, expression: newName(each.expression) },
      ),
    })),
  };
}

function renameInKey(
  key: ForeignKeyJson,
  table: TableJson,
  name: string,
  newName: (name: string) => string,
): ForeignKeyJson {
  const isFrom = key.tableFrom === table.name;
  const isTo = key.tableTo === table.name && (key.schemaTo ?? "") === table.schema;
  return {
    ...key,
    ...(isFrom ? { tableFrom: name, columnsFrom: key.columnsFrom.map(newName) } : {}),
    ...(isTo ? { tableTo: name, columnsTo: key.columnsTo.map(newName) } : {}),
  };
}

function newNames(columns: ReadonlyMap<string, string>): (name: string) => string {
  const names = new Map([...columns].map(([now, before]) => [before, now]));
  return (name) => names.get(name) ?? name;
}

/** The table in `schema.table`. */
function nameIn(key: string): string {
  return key.slice(key.indexOf(".") + 1);
}
