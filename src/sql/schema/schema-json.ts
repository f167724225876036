/** A schema as drizzle-kit writes it down; only what is read here has a name. */
export interface SchemaJson {
  readonly id: string;
  readonly prevId: string;
  /** By `schema.table`. */
  readonly tables: Readonly<Record<string, TableJson>>;
  readonly enums: Readonly<Record<string, EnumJson>>;
  readonly schemas: Named;
  readonly sequences: Named;
  readonly roles: Named;
  readonly policies: Named;
  readonly views: Named;
}

export interface TableJson {
  readonly name: string;
  /** Empty for `public`. */
  readonly schema: string;
  readonly columns: Readonly<Record<string, ColumnJson>>;
  readonly indexes: Readonly<Record<string, IndexJson>>;
  readonly foreignKeys: Readonly<Record<string, ForeignKeyJson>>;
  readonly compositePrimaryKeys: Readonly<Record<string, ColumnsJson>>;
  readonly uniqueConstraints: Readonly<Record<string, ColumnsJson>>;
  readonly policies: Named;
}

export interface ColumnJson {
  readonly name: string;
  readonly type: string;
  /** Where the type is, if it is an enumeration. */
  readonly typeSchema?: string;
  readonly default?: unknown;
}

export interface EnumJson {
  readonly name: string;
  readonly schema: string;
  readonly values: readonly string[];
}

interface IndexJson {
  readonly columns: readonly { readonly expression: string; readonly isExpression: boolean }[];
}

export interface ForeignKeyJson {
  readonly tableFrom: string;
  readonly tableTo: string;
  readonly schemaTo?: string;
  readonly columnsFrom: readonly string[];
  readonly columnsTo: readonly string[];
}

interface ColumnsJson {
  readonly columns: readonly string[];
}

type Named = Readonly<Record<string, object>>;

/** The name of a table in a statement. */
export function tableName({ name, schema }: Pick<TableJson, "name" | "schema">): string {
  return schema === "" ? quoted(name) : `${quoted(schema)}.${quoted(name)}`;
}

/** The name of a table, for people. */
export function plainName({ name, schema }: Pick<TableJson, "name" | "schema">): string {
  return schema === "" ? name : `${schema}.${name}`;
}

/** An identifier in a statement (PostgreSQL §4.1.1). */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The record with each value changed. */
export function mapValues<In, Out>(
  record: Readonly<Record<string, In>>,
  change: (value: In, key: string) => Out,
): Record<string, Out> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value, key)]));
}

/** The entries whose key and value pass. */
export function filterValues<Value>(
  record: Readonly<Record<string, Value>>,
  passes: (value: Value, key: string) => boolean,
): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).filter(([key, value]) => passes(value, key)));
}
