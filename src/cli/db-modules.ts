import { existsSync } from "node:fs";
import { type Environment, loadPeer, loadSettings } from "../kernel/index.js";
import { findModules, withModules } from "../sql/migrations/load-module.js";
import { MigrationError } from "../sql/migrations/migration-error.js";
import type { Seed } from "../sql/migrations/seed.js";
import { migrationVariables, schemaVariables } from "../sql/migrations/settings.js";
import type { Collected, ModuleNote } from "../sql/schema/collect-tables.js";
import { kitTables } from "./kit-tables.js";

const usualSchemas = ["src/schema.ts", "src/schema", "schema.ts", "schema.js", "dist/schema.js"];
const usualSeeds = ["src/seeds.ts", "seeds.ts", "seeds.js", "dist/seeds.js"];

/** Options that stand for variables. */
export interface DbOptions {
  readonly migrations?: string;
  readonly schema?: string;
  readonly seeds?: string;
}

/** The folder of the migrations. */
export function migrationsFolder(env: Environment, { migrations }: DbOptions): string {
  return loadSettings(migrationVariables, env, { migrationsDir: migrations }).migrationsDir;
}

/** The tables of the application and of the kit, with a note for each module. */
export async function collect(env: Environment, { schema }: DbOptions): Promise<Collected> {
  const settings = loadSettings(schemaVariables, env, { schema: schema?.split(",") });
  const paths = settings.schema ?? usualSchemas.filter((path) => existsSync(path)).slice(0, 1);
  const own = findModules(paths);
  const kit = kitTables
    .filter(({ isOn }) => isOn(env))
    .map(({ group, load }) => ({ name: `svc-infra ${group}`, load }));
  if (own.length + kit.length === 0) {
    throw new MigrationError(
      `no module of tables was found; set SQL_SCHEMA, or have one of ${usualSchemas.join(", ")}`,
    );
  }
  const { collectTables } = await loadPeer(
    "drizzle-orm",
    "db",
    () => import("../sql/schema/collect-tables.js"),
  );
  return withModules(own, (load) =>
    collectTables([...own.map((path) => ({ name: path, load: () => load(path) })), ...kit]),
  );
}

/** The seeds of the application, in the order in which they are written. */
export async function loadSeeds(env: Environment, options: DbOptions): Promise<ReadonlyMap<string, Seed>> {
  const settings = loadSettings(schemaVariables, env, { seeds: options.seeds });
  const path = settings.seeds ?? usualSeeds.find((each) => existsSync(each));
  if (path === undefined || !existsSync(path)) {
    throw new MigrationError(
      `no module of seeds was found${path === undefined ? "" : ` at ${path}`}; set SQL_SEEDS, or have one of ${usualSeeds.join(", ")}`,
    );
  }
  const exported: { readonly seeds?: unknown } = await withModules([path], (load) => load(path));
  const entries = Object.entries(Object(exported.seeds)).filter(isSeed);
  if (entries.length > 0) return new Map(entries);
  throw new MigrationError(
    `${path} has no seeds; expected export const seeds = { plans: async (db) => ... }`,
  );
}

function isSeed(entry: [string, unknown]): entry is [string, Seed] {
  return typeof entry[1] === "function";
}

/** A line for each module: what was found there, skipped, or went wrong. */
export function describeNotes(notes: readonly ModuleNote[]): string {
  return notes.map(describeNote).join("\n");
}

function describeNote({ module, tables, skipped, failed }: ModuleNote): string {
  const found = tables.length === 0 ? "no table" : tables.join(", ");
  const lines = skipped.map(({ name, why }) => `    skipped ${name}: ${why}`);
  return [`  ${module}: ${failed === undefined ? found : `FAILED, ${failed}`}`, ...lines].join("\n");
}
