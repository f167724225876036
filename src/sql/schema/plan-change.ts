import { MigrationError } from "../migrations/migration-error.js";
import type { SqlStep } from "../migrations/sql-file.js";
import {
  filterValues,
  mapValues,
  plainName,
  quoted,
  type SchemaJson,
  type TableJson,
  tableName,
} from "./schema-json.js";
import { applyTypeChanges } from "./type-changes.js";

/** The statements from one schema to another, as drizzle-kit works them out. */
export type GenerateStatements = (before: SchemaJson, after: SchemaJson) => Promise<string[]>;

/**
 * The steps from one schema to another. The generator asks a person whether something that is gone and something that is
 * new are the same; it is therefore never shown both at once: first what is new, then what is changed or gone.
 */
export async function planChange(
  before: SchemaJson,
  after: SchemaJson,
  generate: GenerateStatements,
): Promise<SqlStep[]> {
  const retyped = applyTypeChanges(before, after);
  const stages = [
    retyped.schema,
    withNew(retyped.schema, after),
    withoutNewKeys(retyped.schema, after),
    after,
  ];
  const steps: SqlStep[] = [...retyped.steps];
  for (const [index, stage] of stages.slice(1).entries()) {
    const statements = await generate(stages[index] ?? before, stage);
    steps.push(...toSteps(statements, retyped.schema, after));
  }
  checkLosses(steps, retyped.schema, after);
  return steps;
}

/** What there was, and what is new beside it. Dropped foreign keys go first; new ones are added last. */
function withNew(before: SchemaJson, after: SchemaJson): SchemaJson {
  const tables = mapValues(before.tables, (table, key) => {
    const next = after.tables[key];
    if (next === undefined) return table;
    return {
      ...table,
      columns: { ...next.columns, ...table.columns },
      policies: { ...next.policies, ...table.policies },
      foreignKeys: keptKeys(table, next),
    };
  });
  const fresh = mapValues(after.tables, (table) => ({ ...table, foreignKeys: {} }));
  return {
    ...before,
    tables: { ...fresh, ...tables },
    enums: { ...after.enums, ...before.enums },
    schemas: { ...after.schemas, ...before.schemas },
    sequences: { ...after.sequences, ...before.sequences },
    roles: { ...after.roles, ...before.roles },
    policies: { ...after.policies, ...before.policies },
    views: { ...after.views, ...before.views },
  };
}

/** What is to be, without the foreign keys that come. */
function withoutNewKeys(before: SchemaJson, after: SchemaJson): SchemaJson {
  const tables = mapValues(after.tables, (table, key) => ({
    ...table,
    foreignKeys: keptKeys(before.tables[key], table),
  }));
  return { ...after, tables };
}

function keptKeys(before: TableJson | undefined, after: TableJson): TableJson["foreignKeys"] {
  return filterValues(
    after.foreignKeys,
    (key, name) => JSON.stringify(key) === JSON.stringify(before?.foreignKeys[name]),
  );
}

function toSteps(statements: readonly string[], before: SchemaJson, after: SchemaJson): SqlStep[] {
  const gone = goneTables(before, after);
  // Row security of a table that goes is switched off first, which must not happen when the table stays after all.
  const isNoise = (statement: string) =>
    gone.some((table) => statement === `ALTER TABLE ${tableName(table)} DISABLE ROW LEVEL SECURITY;`);
  return statements
    .map((statement) => statement.replaceAll("--> statement-breakpoint", "").trim())
    .filter((statement) => !isNoise(statement))
    .map((statement) => ({ statement, loses: lossOf(statement, before, after) }));
}

function lossOf(statement: string, before: SchemaJson, after: SchemaJson): string | undefined {
  const table = goneTables(before, after).find((each) =>
    statement.startsWith(`DROP TABLE ${tableName(each)}`),
  );
  if (table !== undefined) return `table ${plainName(table)}`;
  const column = goneColumns(before, after).find((each) => statement === each.statement);
  if (column !== undefined) return `column ${column.place}`;
  return statement.startsWith("DROP SEQUENCE")
    ? `sequence ${statement.slice("DROP SEQUENCE ".length, -1)}`
    : undefined;
}

/** Everything that is gone must be a step that is known to lose it; a statement of another form would slip through. */
function checkLosses(steps: readonly SqlStep[], before: SchemaJson, after: SchemaJson): void {
  const told = new Set(steps.map(({ loses }) => loses));
  const gone = [
    ...goneTables(before, after).map((table) => `table ${plainName(table)}`),
    ...goneColumns(before, after).map(({ place }) => `column ${place}`),
  ];
  const missed = gone.find((each) => !told.has(each));
  if (missed !== undefined) {
    throw new MigrationError(
      `the ${missed} would be dropped, but the statement of drizzle-kit was not recognised`,
    );
  }
}

function goneTables(before: SchemaJson, after: SchemaJson): TableJson[] {
  return Object.values(filterValues(before.tables, (_, key) => after.tables[key] === undefined));
}

function goneColumns(before: SchemaJson, after: SchemaJson): { place: string; statement: string }[] {
  return Object.entries(before.tables).flatMap(([key, table]) => {
    const next = after.tables[key];
    if (next === undefined) return [];
    return Object.keys(table.columns)
      .filter((name) => next.columns[name] === undefined)
      .map((name) => ({
        place: `${plainName(table)}.${name}`,
        statement: `ALTER TABLE ${tableName(table)} DROP COLUMN ${quoted(name)};`,
      }));
  });
}
