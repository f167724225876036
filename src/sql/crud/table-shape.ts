import { type Column, getTableColumns } from "drizzle-orm";
import { getTableConfig, type PgColumn, type PgTable } from "drizzle-orm/pg-core";
import { ConfigurationError } from "../../kernel/index.js";

/** The columns that the caller of the routes may do something with, by their names in code. */
export interface ColumnRules {
  readonly tenant?: string | undefined;
  readonly softDelete?: string | undefined;
  readonly filters?: readonly string[] | undefined;
  readonly sorts?: readonly string[] | undefined;
  readonly readOnly?: readonly string[] | undefined;
  readonly hidden?: readonly string[] | undefined;
}

/** A column of another table that one of this table points at, where the other table has tenants, too. */
export interface TenantReference {
  /** Name in code of the column that points. */
  readonly from: string;
  readonly table: PgTable;
  readonly column: PgColumn;
  readonly tenant: PgColumn;
}

/** A table with what its routes make of it. */
export interface TableShape {
  readonly table: PgTable;
  readonly name: string;
  readonly columns: Readonly<Record<string, PgColumn>>;
  /** Name in code of the primary key. */
  readonly key: string;
  readonly tenant: PgColumn | undefined;
  readonly softDelete: PgColumn | undefined;
  readonly filters: readonly string[];
  readonly sorts: readonly string[];
  /** What callers see. */
  readonly visible: readonly string[];
  /** What callers may write. */
  readonly writable: readonly string[];
  readonly references: readonly TenantReference[];
}

/** Parameters of the list that no filter can have the name of. */
const taken: ReadonlySet<string> = new Set(["limit", "cursor", "sort"]);

/**
 * Works out what the routes of a table are made of.
 *
 * @throws ConfigurationError for a table without one primary key, and for rules that name columns which cannot do that.
 */
export function shapeOf(table: PgTable, rules: ColumnRules): TableShape {
  const { name } = getTableConfig(table);
  const columns: Record<string, PgColumn> = getTableColumns(table);
  const key = keyOf(columns, name);
  const { filters = [], readOnly = [], hidden = [], tenant, softDelete } = rules;
  const sorts = [...new Set([key, ...(rules.sorts ?? [])])];
  checkNames(columns, name, { ...rules, sorts });
  checkLists(columns, { filters, sorts, hidden });
  checkNumbers(columns, name, hidden);
  const generatedKey = columns[key]?.hasDefault === true ? key : undefined;
  const reserved = new Set([...readOnly, ...hidden, tenant, softDelete, generatedKey]);
  return {
    table,
    name,
    columns,
    key,
    tenant: tenant === undefined ? undefined : columns[tenant],
    softDelete: softDelete === undefined ? undefined : columns[softDelete],
    filters,
    sorts,
    visible: Object.keys(columns).filter((each) => !hidden.includes(each)),
    writable: Object.keys(columns).filter((each) => !reserved.has(each)),
    references: tenant === undefined ? [] : tenantReferences(table, columns, tenant),
  };
}

function checkNames(columns: object, table: string, rules: ColumnRules): void {
  for (const [option, value] of Object.entries(rules)) {
    const unknown = [value ?? []].flat().find((each) => !Object.hasOwn(columns, each));
    if (unknown !== undefined) fail(option, `there is no column '${unknown}' of ${table}`);
  }
}

function checkLists(
  columns: Readonly<Record<string, PgColumn>>,
  { filters, sorts, hidden }: Required<Pick<ColumnRules, "filters" | "sorts" | "hidden">>,
): void {
  const clash = filters?.find((each) => taken.has(each));
  if (clash !== undefined) fail("filters", `'${clash}' is a parameter of the list itself`);
  const told = hidden?.find((each) => filters?.includes(each) || sorts?.includes(each));
  if (told !== undefined) fail("hidden", `'${told}' would be told by a filter or a sort`);
  const nullable = sorts?.find((each) => columns[each]?.notNull !== true);
  if (nullable !== undefined) fail("sorts", `'${nullable}' may be null, which has no place in an order`);
}

/** JSON has no bigint: a row with one could be written, and not be answered. */
function checkNumbers(
  columns: Readonly<Record<string, PgColumn>>,
  table: string,
  hidden: readonly string[],
): void {
  const big = Object.keys(columns).find(
    (each) => columns[each]?.dataType === "bigint" && !hidden.includes(each),
  );
  if (big === undefined) return;
  fail(
    "table",
    `column '${big}' of ${table} is a bigint, which JSON has not; give it mode: "number", or hide it`,
  );
}

function keyOf(columns: Readonly<Record<string, Column>>, name: string): string {
  const keys = Object.entries(columns).filter(([, column]) => column.primary);
  const [first] = keys;
  if (first !== undefined && keys.length === 1) return first[0];
  return fail("table", `${name} needs a primary key of one column`);
}

/** A row must not point at the row of another tenant, which foreign keys alone allow. */
function tenantReferences(
  table: PgTable,
  columns: Readonly<Record<string, PgColumn>>,
  tenant: string,
): TenantReference[] {
  const tenantName = columns[tenant]?.name;
  return getTableConfig(table).foreignKeys.flatMap((foreignKey) => {
    const { columns: from, foreignTable, foreignColumns } = foreignKey.reference();
    const others: PgColumn[] = Object.values(getTableColumns(foreignTable));
    const otherTenant = others.find(({ name }) => name === tenantName);
    const [key, column] = [Object.keys(columns).find((each) => columns[each] === from[0]), foreignColumns[0]];
    if (from.length !== 1 || key === undefined || column === undefined || otherTenant === undefined)
      return [];
    return [{ from: key, table: foreignTable, column, tenant: otherTenant }];
  });
}

function fail(option: string, message: string): never {
  throw new ConfigurationError([{ name: `addCrud option '${option}'`, message }]);
}
