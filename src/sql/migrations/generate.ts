import { loadPeer } from "../../kernel/index.js";
import type { Collected } from "../schema/collect-tables.js";
import { type GenerateStatements, planChange } from "../schema/plan-change.js";
import { applyRenames, declaredRenames, inverseOf } from "../schema/renames.js";
import type { SchemaJson } from "../schema/schema-json.js";
import { MigrationError } from "./migration-error.js";
import { newMigrationName, readSchemas, writeMigration } from "./migration-folder.js";
import { formatSqlFile, type SqlStep } from "./sql-file.js";

/** A schema without anything, which the first migration starts from. */
const origin = "00000000-0000-0000-0000-000000000000";

/** What a schema needs that the migrations do not give yet. */
export interface SchemaChange {
  readonly up: readonly SqlStep[];
  readonly down: readonly SqlStep[];
  readonly schema: SchemaJson;
}

export interface GenerateOptions {
  /** What the migration is about; becomes part of its name. */
  readonly title: string;
  /** Whether steps of `up.sql` that lose data are decided on. Default: false, which writes them commented out. */
  readonly acceptLoss?: boolean;
  /** Whether the statements are left to the person. Default: false. */
  readonly empty?: boolean;
  readonly now?: Date;
}

/**
 * Compares the tables with the schema after the last migration.
 *
 * @returns `undefined` when they agree.
 * @throws MigrationError when a module failed, or two migrations have the same predecessor.
 */
export async function compareSchema(folder: string, collected: Collected): Promise<SchemaChange | undefined> {
  const { former, schema } = await readBoth(folder, collected);
  const { generateMigration } = await loadKit();
  const generate: GenerateStatements = (before, after) => generateMigration(asKit(before), asKit(after));
  const renames = declaredRenames(collected.tables, former);
  const renamed = applyRenames(former, renames);
  const up = [...renamed.steps, ...(await planChange(renamed.schema, schema, generate))];
  if (up.length === 0) return undefined;
  // Names change back last, so that a loss is told by the name that the database has.
  const back = applyRenames(renamed.schema, renames.map(inverseOf)).steps;
  return { up, down: [...(await planChange(schema, renamed.schema, generate)), ...back], schema };

  function asKit(json: SchemaJson): Parameters<typeof generateMigration>[0] {
    return json as unknown as Parameters<typeof generateMigration>[0];
  }
}

/** The schema after the last migration, and that of the tables. */
async function readBoth(folder: string, collected: Collected) {
  refuseFailed(collected);
  const { generateDrizzleJson } = await loadKit();
  const former = lastSchema(folder) ?? { ...asSchema(await generateDrizzleJson({})), id: origin };
  return { former, schema: asSchema(await generateDrizzleJson({ ...collected.exports }, former.id)) };
}

/**
 * Writes the migration that brings the database to what the tables say: `up.sql`, and `down.sql`, which takes it back.
 *
 * @returns its name, and the steps that lose data; `undefined` when there is nothing to do, unless it is to be empty.
 */
export async function generateMigrationFiles(
  folder: string,
  collected: Collected,
  { title, acceptLoss = false, empty = false, now = new Date() }: GenerateOptions,
): Promise<{ name: string; losses: readonly string[] } | undefined> {
  const name = newMigrationName(title, now);
  if (empty) {
    const { schema } = await readBoth(folder, collected);
    const [up, down] = ["-- Write the statements here.\n", "-- Write here what takes them back.\n"];
    writeMigration(folder, name, { up, down, schema });
    return { name, losses: [] };
  }
  const change = await compareSchema(folder, collected);
  if (change === undefined) return undefined;
  const [up, down] = [formatSqlFile(change.up, acceptLoss), formatSqlFile(change.down, false)];
  writeMigration(folder, name, { up, down, schema: change.schema });
  return { name, losses: change.up.flatMap(({ loses }) => loses ?? []) };
}

function lastSchema(folder: string): SchemaJson | undefined {
  const schemas = readSchemas(folder).map(({ name, schema }) => ({ name, schema: asSchema(schema) }));
  const owners = new Map<string, string>();
  for (const { name, schema } of schemas) {
    const other = owners.get(schema.prevId);
    if (other !== undefined) {
      throw new MigrationError(
        `${other} and ${name} were made from the same schema, as on two branches; remove the later one and generate it anew`,
      );
    }
    owners.set(schema.prevId, name);
  }
  return schemas.at(-1)?.schema;
}

function refuseFailed({ notes }: Collected): void {
  const failed = notes.filter((note) => note.failed !== undefined);
  if (failed.length === 0) return;
  throw new MigrationError(failed.map((note) => `${note.module}: ${note.failed}`).join("\n"));
}

function loadKit() {
  return loadPeer("drizzle-kit", "svc-infra db generate", async () => {
    const kit = await import("drizzle-kit/api");
    return "default" in kit ? ({ ...kit, ...Object(kit.default) } as typeof kit) : kit;
  });
}

function asSchema(json: unknown): SchemaJson {
  return json as SchemaJson;
}
