import type { PgTable } from "drizzle-orm/pg-core";
import type { FastifyRequest } from "fastify";
import type { Database } from "../sql-db.js";

/** What a caller wants to do with rows. */
export type CrudAction = "list" | "get" | "create" | "patch" | "delete";

/** Names in code of a table's columns. */
export type ColumnName<T extends PgTable> = Extract<keyof T["_"]["columns"], string>;

/** What a hook is told. Its `db` is the transaction of the change: what it writes holds if the change does. */
export interface CrudHookContext {
  readonly request: FastifyRequest;
  readonly db: Database;
}

/** Steps around a change. One that throws undoes it; an error with `statusCode` is the answer. */
export interface CrudHooks<T extends PgTable> {
  /** Returns what is written in place of the values, or nothing to leave them. It may set any column but the tenant's. */
  readonly beforeCreate?: (
    values: Partial<T["$inferInsert"]>,
    context: CrudHookContext,
  ) => Promise<Partial<T["$inferInsert"]> | undefined>;
  readonly beforePatch?: (
    values: Partial<T["$inferInsert"]>,
    row: T["$inferSelect"],
    context: CrudHookContext,
  ) => Promise<Partial<T["$inferInsert"]> | undefined>;
  readonly beforeDelete?: (row: T["$inferSelect"], context: CrudHookContext) => Promise<void>;
  readonly afterCreate?: (row: T["$inferSelect"], context: CrudHookContext) => Promise<void>;
  readonly afterPatch?: (row: T["$inferSelect"], context: CrudHookContext) => Promise<void>;
  readonly afterDelete?: (row: T["$inferSelect"], context: CrudHookContext) => Promise<void>;
}

/** Options of `addCrud`. Columns are told by their names in code. */
export interface CrudOptions<T extends PgTable> {
  /** Lets the caller do it, or throws (an error with `statusCode` is the answer), or returns false for 403; or "open". */
  readonly authorize: "open" | ((request: FastifyRequest, action: CrudAction) => unknown);
  /** Path of the rows. Default: the name of the table in the database, as in `/notes`. */
  readonly prefix?: string;
  /** The column that tells whose a row is, and whose rows a request is for; without one the answer is 403. */
  readonly tenant?: {
    readonly column: ColumnName<T>;
    readonly of: (request: FastifyRequest) => unknown;
  };
  /** A column of a time: deleting sets it, and rows that have it are not there any more. */
  readonly softDelete?: ColumnName<T>;
  /** Columns by whose value a list can be narrowed: `?status=open`. Default: none. */
  readonly filters?: readonly ColumnName<T>[];
  /** Columns a list can be sorted by: `?sort=-createdAt`. They must not be null. Default: the primary key. */
  readonly sorts?: readonly ColumnName<T>[];
  /** Columns that callers see and cannot write. The tenant's, the soft delete's and a generated key are so anyhow. */
  readonly readOnly?: readonly ColumnName<T>[];
  /** Columns that callers neither see nor write; hooks may write them. */
  readonly hidden?: readonly ColumnName<T>[];
  /**
   * Whether PATCH and DELETE must have `If-Match`, so that no client overwrites a version that it has not seen.
   * Default: false.
   */
  readonly requireIfMatch?: boolean;
  /** Rows of a page when the caller does not say. Default: 20. */
  readonly pageSize?: number;
  /** Most rows of a page. Default: 100. */
  readonly maxPageSize?: number;
  /** Most bytes of JSON content. Default: 1 MiB. */
  readonly maxBodyBytes?: number;
  readonly hooks?: CrudHooks<T>;
}
