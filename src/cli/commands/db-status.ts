import type { Command } from "commander";
import type { Environment } from "../../kernel/index.js";
import { migrationStatus } from "../../sql/migrations/migration-status.js";
import { dbCommand, migrationsOption, say, withDatabase } from "../db-command.js";
import { type DbOptions, migrationsFolder } from "../db-modules.js";

interface StatusOptions extends DbOptions {
  readonly json?: true;
}

/** Adds `db status`: how each migration stands. */
export function registerDbStatus(db: Command): void {
  db.command("status")
    .description("Show how each migration stands: applied, pending, interrupted, changed or missing.")
    .option("--json", "print it as JSON")
    .option(...migrationsOption)
    .action(dbCommand(run));
}

async function run(env: Environment, options: StatusOptions): Promise<void> {
  const folder = migrationsFolder(env, options);
  const all = await withDatabase(env, (sql) => migrationStatus(sql, folder));
  if (options.json) return say(JSON.stringify(all, undefined, 2));
  for (const { name, state } of all) say(`${state.padEnd(11)} ${name}`);
  if (all.length === 0) say(`There are no migrations in ${folder}.`);
}
