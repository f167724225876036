import { and, asc, desc, eq, is, isNull, Param, type SQL, sql } from "drizzle-orm";
import { type PgColumn, PgEnumColumn, PgEnumObjectColumn } from "drizzle-orm/pg-core";
import type { Database } from "../sql-db.js";
import { formatCursor, parseCursor } from "./page-cursor.js";
import type { TableShape } from "./table-shape.js";

/** A row by the names of code. */
export type Row = Readonly<Record<string, unknown>>;

/** What a list asks for. */
export interface ListQuery {
  readonly filters: Row;
  readonly limit: number;
  /** A column, with `-` before it for the other direction. */
  readonly sort: string;
  readonly cursor: string | undefined;
}

/** A query that was built once and runs with the values of each call. Writes are not: building one makes defaults anew. */
interface Prepared {
  execute(values: Record<string, unknown>): Promise<Record<string, unknown>[]>;
}

/** Statements by what they are made of, for one database; building one takes as long as running it. */
export type PreparedStatements = Map<string, Prepared>;

/** Callers choose by which columns they narrow a list, so there must be a limit. */
const maxPrepared = 256;

/** The rows of a table that one tenant has, or all of them where there are no tenants. */
export class RowStore {
  readonly #shape: TableShape;
  readonly #db: Database;
  readonly #tenant: unknown;
  readonly #statements: PreparedStatements;

  /** @param statements - of this very database; each transaction has its own. */
  constructor(shape: TableShape, db: Database, tenant: unknown, statements: PreparedStatements = new Map()) {
    this.#shape = shape;
    this.#db = db;
    this.#tenant = tenant;
    this.#statements = statements;
  }

  /** The same on a transaction. */
  on(db: Database): RowStore {
    return new RowStore(this.#shape, db, this.#tenant);
  }

  /** A page of what callers see of the rows. */
  async list({
    filters,
    limit,
    sort,
    cursor,
  }: ListQuery): Promise<{ items: Row[]; nextCursor: string | null }> {
    const position = cursor === undefined ? undefined : parseCursor(cursor, sort);
    const name = `list ${sort} ${position === undefined ? "" : "behind"} ${Object.keys(filters).sort().join()}`;
    const statement = this.#prepared(name, () =>
      this.#listStatement(sort, Object.keys(filters), position !== undefined),
    );
    const given = { ...filters, [ownTenant]: this.#tenant, [pageLimit]: limit + 1 };
    const rows = await statement.execute({
      ...given,
      [positionValue]: position?.value,
      [positionKey]: position?.key,
    });
    const items = rows.slice(0, limit);
    const nextCursor = rows.length > limit ? this.#cursorAt(items.at(-1) ?? {}, sort) : null;
    for (const row of items) forgetCursor(row);
    return { items, nextCursor };
  }

  #cursorAt(row: Row, sort: string): string {
    const sorted = sort.startsWith("-") ? sort.slice(1) : sort;
    const value = row[positionValue] ?? row[sorted];
    const key = row[positionKey] ?? row[this.#shape.key];
    return formatCursor({ sort, value: String(value), key: String(key) });
  }

  #listStatement(sort: string, filters: readonly string[], hasCursor: boolean): Prepared {
    const { table, columns, key, visible } = this.#shape;
    const isDescending = sort.startsWith("-");
    const column = columnOf(columns, isDescending ? sort.slice(1) : sort);
    const keyColumn = columnOf(columns, key);
    const order = isDescending ? desc : asc;
    const sign = sql.raw(isDescending ? "<" : ">");
    const [value, last] = [sql.placeholder(positionValue), sql.placeholder(positionKey)];
    const afterCursor = sql`(${column}, ${keyColumn}) ${sign} (${value}::${typeOf(column)}, ${last}::${typeOf(keyColumn)})`;
    const matching = filters.map((name) => eq(columnOf(columns, name), given(name, columnOf(columns, name))));
    return this.#db
      .select({
        ...Object.fromEntries(visible.map((name) => [name, columnOf(columns, name)])),
        // A Date is coarser than the time that PostgreSQL has.
        ...(column.dataType === "date" ? { [positionValue]: sql<string>`${column}::text` } : {}),
        ...(keyColumn.dataType === "date" ? { [positionKey]: sql<string>`${keyColumn}::text` } : {}),
      })
      .from(table)
      .where(and(this.#own(), ...matching, hasCursor ? afterCursor : undefined))
      .orderBy(...(column === keyColumn ? [order(column)] : [order(column), order(keyColumn)]))
      .limit(sql.placeholder(pageLimit))
      .prepare("");
  }

  async get(id: unknown): Promise<Row | undefined> {
    const { table, columns } = this.#shape;
    const statement = this.#prepared("get", () =>
      this.#db.select(columns).from(table).where(this.#one()).prepare(""),
    );
    const [row] = await statement.execute(this.#values(id));
    return row;
  }

  /** The row, locked until the transaction ends. */
  async lock(id: unknown): Promise<Row | undefined> {
    const { table, columns } = this.#shape;
    const query = this.#db.select(columns).from(table).where(this.#one()).for("update");
    const [row] = await query.prepare("").execute(this.#values(id));
    return row;
  }

  async create(values: Row): Promise<Row> {
    const { table, columns, tenant } = this.#shape;
    const own = tenant === undefined ? {} : { [nameOf(columns, tenant)]: this.#tenant };
    const all: Record<string, unknown> = { ...values, ...own };
    const [row] = await this.#db.insert(table).values(all).returning(columns);
    return row ?? {};
  }

  async patch(id: unknown, values: Row): Promise<Row | undefined> {
    const { table, columns } = this.#shape;
    const query = this.#db.update(table).set(values).where(this.#one()).returning(columns);
    const [row] = await query.prepare("").execute(this.#values(id));
    return row;
  }

  /** Deletes the row, or marks it as deleted; whether there was one. */
  async delete(id: unknown): Promise<boolean> {
    const { table, columns, key, softDelete } = this.#shape;
    const returned = { key: columnOf(columns, key) };
    const query =
      softDelete === undefined
        ? this.#db.delete(table).where(this.#one()).returning(returned)
        : this.#db
            .update(table)
            .set({ [nameOf(columns, softDelete)]: sql`now()` })
            .where(this.#one())
            .returning(returned);
    return (await query.prepare("").execute(this.#values(id))).length > 0;
  }

  /** Names in code of columns whose values reference a row of another tenant, or none. */
  async strangers(values: Row): Promise<string[]> {
    const given = this.#shape.references.filter(
      ({ from }) => values[from] !== undefined && values[from] !== null,
    );
    const found = await Promise.all(
      given.map(async ({ from, table, column, tenant }) => {
        const isIt = and(eq(column, values[from]), eq(tenant, this.#tenant));
        const rows = await this.#db.select({ column }).from(table).where(isIt).limit(1);
        return rows.length === 0 ? [from] : [];
      }),
    );
    return found.flat();
  }

  #prepared(name: string, build: () => Prepared): Prepared {
    const known = this.#statements.get(name);
    if (known !== undefined) return known;
    if (this.#statements.size >= maxPrepared) this.#statements.clear();
    const built = build();
    this.#statements.set(name, built);
    return built;
  }

  #own(): SQL | undefined {
    const { tenant, softDelete } = this.#shape;
    return and(
      tenant === undefined ? undefined : eq(tenant, given(ownTenant, tenant)),
      softDelete === undefined ? undefined : isNull(softDelete),
    );
  }

  #one(): SQL | undefined {
    const { columns, key } = this.#shape;
    return and(eq(columnOf(columns, key), given(rowId, columnOf(columns, key))), this.#own());
  }

  #values(id: unknown): Record<string, unknown> {
    return { [rowId]: id, [ownTenant]: this.#tenant };
  }
}

/** Names of values that no column can have. */
const [ownTenant, rowId, pageLimit] = ["tenant:own", "row:id", "page:limit"];

function forgetCursor(row: Record<string, unknown>): void {
  if (positionValue in row) delete row[positionValue];
  if (positionKey in row) delete row[positionKey];
}

/** A value that is given when the statement runs, converted as its column does. */
function given(name: string, column: PgColumn): Param {
  return new Param(sql.placeholder(name), column);
}

/** Beside the columns of a row of a list, and in the statement; likewise. */
const positionValue = "cursor:value";
const positionKey = "cursor:key";

function columnOf(columns: Readonly<Record<string, PgColumn>>, name: string): PgColumn {
  const column = Object.hasOwn(columns, name) ? columns[name] : undefined;
  if (column === undefined) throw new TypeError(`there is no column '${name}'`);
  return column;
}

function nameOf(columns: Readonly<Record<string, PgColumn>>, column: PgColumn): string {
  return Object.keys(columns).find((name) => columns[name] === column) ?? column.name;
}

/** A serial column is a number with a default. The name of an enumeration needs quotes, and its schema. */
function typeOf(column: PgColumn): SQL {
  if (is(column, PgEnumColumn) || is(column, PgEnumObjectColumn)) {
    const { enumName, schema } = column.enum;
    return schema === undefined
      ? sql`${sql.identifier(enumName)}`
      : sql`${sql.identifier(schema)}.${sql.identifier(enumName)}`;
  }
  const type = column.getSQLType();
  const serials: Readonly<Record<string, string>> = {
    serial: "integer",
    bigserial: "bigint",
    smallserial: "smallint",
  };
  return sql.raw(serials[type] ?? type);
}
