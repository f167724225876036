import { MigrationError } from "../migrations/migration-error.js";
import type { SqlStep } from "../migrations/sql-file.js";
import {
  type ColumnJson,
  type EnumJson,
  filterValues,
  mapValues,
  plainName,
  quoted,
  type SchemaJson,
  type TableJson,
  tableName,
} from "./schema-json.js";

/**
 * Applies changes of column types, and of enumerations that lose a value. They are written here, as the generator leaves out
 * how the values are converted and trips over defaults of the old type.
 */
export function applyTypeChanges(
  before: SchemaJson,
  after: SchemaJson,
): { schema: SchemaJson; steps: SqlStep[] } {
  const enums = rewriteEnums(before, after);
  const steps: SqlStep[] = [];
  const tables = mapValues(enums.schema.tables, (table, key) => {
    const columns = mapValues(table.columns, (column, name) => {
      const next = after.tables[key]?.columns[name];
      if (next === undefined || typeOf(next) === typeOf(column)) return column;
      steps.push(typeStep(table, column, next));
      return withTypeOf(column, next);
    });
    return { ...table, columns };
  });
  return { schema: { ...enums.schema, tables }, steps: [...enums.steps, ...steps] };
}

function typeStep(table: TableJson, column: ColumnJson, next: ColumnJson): SqlStep {
  const place = `${plainName(table)}.${column.name}`;
  if (/serial$/.test(column.type) || /serial$/.test(next.type)) {
    throw new MigrationError(
      `column ${place} changes from ${column.type} to ${next.type}, which needs a sequence to be made or removed: ` +
        "use an identity column instead of serial, or write the statements yourself with 'svc-infra db generate --empty'",
    );
  }
  const loses = isWider(column.type, next.type)
    ? undefined
    : `exact values of column ${place} (${column.type} to ${next.type})`;
  return { statement: convert(table, column, next, typeName(next)), loses };
}

/** One statement, as the default of the old type is in the way of the new one. */
function convert(table: TableJson, column: ColumnJson, next: ColumnJson, cast: string): string {
  const name = `ALTER COLUMN ${quoted(column.name)}`;
  const actions = [
    ...(column.default === undefined ? [] : [`${name} DROP DEFAULT`]),
    `${name} SET DATA TYPE ${typeName(next)} USING ${quoted(column.name)}::${cast}`,
    ...(next.default === undefined ? [] : [`${name} SET DEFAULT ${String(next.default)}`]),
  ];
  return `ALTER TABLE ${tableName(table)} ${actions.join(", ")};`;
}

/** Whether every value of the one type has a value of the other that turns back into it. */
function isWider(from: string, to: string): boolean {
  if (to === "text") return true;
  const steps: Readonly<Record<string, readonly string[]>> = {
    smallint: ["integer", "bigint", "numeric"],
    integer: ["bigint", "numeric", "double precision"],
    bigint: ["numeric"],
    real: ["double precision"],
    date: ["timestamp"],
    json: ["jsonb"],
    text: ["varchar"],
  };
  if (steps[from]?.includes(to) === true) return true;
  const [fromLength, toLength] = [lengthOf(from), lengthOf(to)];
  return fromLength !== undefined && toLength !== undefined && fromLength <= toLength;
}

function lengthOf(type: string): number | undefined {
  const length = /^varchar(?:\((\d+)\))?$/.exec(type);
  return length === null ? undefined : Number(length[1] ?? Number.POSITIVE_INFINITY);
}

/** Enumerations whose values were removed or moved get a new type in the place of the old one. */
function rewriteEnums(before: SchemaJson, after: SchemaJson): { schema: SchemaJson; steps: SqlStep[] } {
  const rewritten = filterValues(after.enums, ({ values }, key) => {
    const old = before.enums[key];
    return old !== undefined && !isSubsequence(old.values, values);
  });
  if (Object.keys(rewritten).length === 0) return { schema: before, steps: [] };
  const statements = Object.entries(rewritten).flatMap(([, type]) => rewriteEnum(type, before, after));
  const tables = mapValues(before.tables, (table, key) => ({
    ...table,
    columns: mapValues(table.columns, (column, name) => {
      const next = after.tables[key]?.columns[name];
      const isRewritten = Object.values(rewritten).some((type) => isOf(column, type));
      return isRewritten && next !== undefined && isOfSame(column, next) ? withTypeOf(column, next) : column;
    }),
  }));
  const schema = { ...before, tables, enums: { ...before.enums, ...rewritten } };
  return { schema, steps: statements.map((statement) => ({ statement })) };
}

function rewriteEnum(type: EnumJson, before: SchemaJson, after: SchemaJson): string[] {
  const name = `${quoted(type.schema)}.${quoted(type.name)}`;
  const old = `${type.name}__old`;
  const values = type.values.map((value) => `'${value.replaceAll("'", "''")}'`).join(", ");
  const columns = Object.entries(before.tables).flatMap(([key, table]) =>
    Object.values(table.columns)
      .filter((column) => isOf(column, type))
      .map((column) => {
        const next = after.tables[key]?.columns[column.name];
        const target =
          next !== undefined && isOfSame(column, next) ? next : { ...column, default: undefined };
        const array = column.type.slice(type.name.length);
        return convert(table, column, target, `text${array}::${name}${array}`);
      }),
  );
  return [
    `ALTER TYPE ${name} RENAME TO ${quoted(old)};`,
    `CREATE TYPE ${name} AS ENUM(${values});`,
    ...columns,
    `DROP TYPE ${quoted(type.schema)}.${quoted(old)};`,
  ];
}

function isOf(column: ColumnJson, { name, schema }: EnumJson): boolean {
  return column.typeSchema === schema && column.type.replace(/(?:\[\d*\])+$/, "") === name;
}

function isOfSame(column: ColumnJson, next: ColumnJson): boolean {
  return typeOf(column) === typeOf(next);
}

function typeOf({ type, typeSchema = "" }: ColumnJson): string {
  return `${typeSchema}.${type}`;
}

function typeName({ type, typeSchema }: ColumnJson): string {
  if (typeSchema === undefined) return type;
  const [, name = type, array = ""] = /^(.*?)((?:\[\d*\])*)$/.exec(type) ?? [];
  return `${quoted(typeSchema)}.${quoted(name)}${array}`;
}

function withTypeOf(column: ColumnJson, next: ColumnJson): ColumnJson {
  const { default: _default, typeSchema: _typeSchema, ...rest } = column;
  const { type, typeSchema } = next;
  return {
    ...rest,
    type,
    ...(typeSchema === undefined ? {} : { typeSchema }),
    ...(next.default === undefined ? {} : { default: next.default }),
  };
}

function isSubsequence(part: readonly string[], whole: readonly string[]): boolean {
  let found = 0;
  for (const value of whole) if (value === part[found]) found++;
  return found === part.length;
}
