import { and, asc, desc, eq, isNull, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
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

/** The rows of a table that one tenant has, or all of them where there are no tenants. */
export class RowStore {
  readonly #shape: TableShape;
  readonly #db: Database;
  readonly #tenant: unknown;

  constructor(shape: TableShape, db: Database, tenant: unknown) {
    this.#shape = shape;
    this.#db = db;
    this.#tenant = tenant;
  }

  /** The same on a transaction. */
  on(db: Database): RowStore {
    return new RowStore(this.#shape, db, this.#tenant);
  }

  async list({
    filters,
    limit,
    sort,
    cursor,
  }: ListQuery): Promise<{ items: Row[]; nextCursor: string | null }> {
    const { table, columns, key } = this.#shape;
    const isDescending = sort.startsWith("-");
    const column = columnOf(columns, isDescending ? sort.slice(1) : sort);
    const keyColumn = columnOf(columns, key);
    const order = isDescending ? desc : asc;
    const place = { [placeValue]: sql<string>`${column}::text`, [placeKey]: sql<string>`${keyColumn}::text` };
    const rows: Record<string, unknown>[] = await this.#db
      .select({ ...columns, ...place })
      .from(table)
      .where(and(this.#own(), ...this.#matching(filters), cursor === undefined ? undefined : behind()))
      .orderBy(order(column), order(keyColumn))
      .limit(limit + 1);
    const items = rows.slice(0, limit);
    const last = items.at(-1);
    const hasMore = rows.length > limit && last !== undefined;
    const next = hasMore
      ? formatCursor({ sort, value: String(last[placeValue]), key: String(last[placeKey]) })
      : null;
    return { items, nextCursor: next };

    function behind(): SQL {
      const { value, key: last } = parseCursor(cursor ?? "", sort);
      const sign = sql.raw(isDescending ? "<" : ">");
      return sql`(${column}, ${keyColumn}) ${sign} (${value}::${typeOf(column)}, ${last}::${typeOf(keyColumn)})`;
    }
  }

  async get(id: unknown): Promise<Row | undefined> {
    const { table, columns } = this.#shape;
    const [row] = await this.#db.select(columns).from(table).where(this.#one(id));
    return row;
  }

  /** The row, which nobody else changes before the transaction ends. */
  async lock(id: unknown): Promise<Row | undefined> {
    const { table, columns } = this.#shape;
    const [row] = await this.#db.select(columns).from(table).where(this.#one(id)).for("update");
    return row;
  }

  async create(values: Row): Promise<Row> {
    const { table, columns } = this.#shape;
    const tenant = this.#tenantValue();
    const [row] = await this.#db
      .insert(table)
      .values({ ...values, ...tenant })
      .returning(columns);
    return row ?? {};
  }

  async patch(id: unknown, values: Row): Promise<Row | undefined> {
    const { table, columns } = this.#shape;
    const [row] = await this.#db.update(table).set(values).where(this.#one(id)).returning(columns);
    return row;
  }

  /** Deletes the row, or marks it as deleted; whether there was one. */
  async delete(id: unknown): Promise<boolean> {
    const { table, columns, key, softDelete } = this.#shape;
    const returned = { key: columnOf(columns, key) };
    const rows =
      softDelete === undefined
        ? await this.#db.delete(table).where(this.#one(id)).returning(returned)
        : await this.#db
            .update(table)
            .set({ [nameOf(columns, softDelete)]: sql`now()` })
            .where(this.#one(id))
            .returning(returned);
    return rows.length > 0;
  }

  /** Names in code of columns whose values point at a row that the tenant does not have. */
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

  #tenantValue(): Row {
    const { tenant, columns } = this.#shape;
    return tenant === undefined ? {} : { [nameOf(columns, tenant)]: this.#tenant };
  }

  #own(): SQL | undefined {
    const { tenant, softDelete } = this.#shape;
    return and(
      tenant === undefined ? undefined : eq(tenant, this.#tenant),
      softDelete === undefined ? undefined : isNull(softDelete),
    );
  }

  #one(id: unknown): SQL | undefined {
    const { columns, key } = this.#shape;
    return and(eq(columnOf(columns, key), id), this.#own());
  }

  #matching(filters: Row): SQL[] {
    return Object.entries(filters).map(([name, value]) => eq(columnOf(this.#shape.columns, name), value));
  }
}

/** Beside the columns of a row of a list; no column that callers see has such a name. */
const placeValue = "cursor:value";
const placeKey = "cursor:key";

function columnOf(columns: Readonly<Record<string, PgColumn>>, name: string): PgColumn {
  const column = Object.hasOwn(columns, name) ? columns[name] : undefined;
  if (column === undefined) throw new TypeError(`there is no column '${name}'`);
  return column;
}

function nameOf(columns: Readonly<Record<string, PgColumn>>, column: PgColumn): string {
  return Object.keys(columns).find((name) => columns[name] === column) ?? column.name;
}

/** A serial column is a number with a default. */
function typeOf(column: PgColumn): SQL {
  const type = column.getSQLType();
  const serials: Readonly<Record<string, string>> = {
    serial: "integer",
    bigserial: "bigint",
    smallserial: "smallint",
  };
  return sql.raw(serials[type] ?? type);
}
