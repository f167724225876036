import type { Command } from "commander";
import type { Environment } from "../../kernel/index.js";
import { migrationStatus } from "../../sql/migrations/migration-status.js";
import { dbCommand, migrationsOption, say, sayJson, withDatabase } from "../db-command.js";
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
    .addHelpText(
      "after",
      `
  applied      the database has it
  pending      'svc-infra db migrate' applies it
  interrupted  a part of it has run; 'svc-infra db migrate' goes on
  changed      its files are others than those that ran
  missing      it ran, and its files are gone

Examples:
  $ svc-infra db status
  $ svc-infra db status --json | jq -r '.[] | select(.state != "applied").name'`,
    )
    .action(dbCommand(run));
}

async function run(env: Environment, options: StatusOptions): Promise<void> {
  const folder = migrationsFolder(env, options);
  const all = await withDatabase(env, (sql) => migrationStatus(sql, folder));
  if (options.json) return sayJson(all);
  for (const { name, state } of all) say(`${state.padEnd(11)} ${name}`);
  if (all.length === 0) say(`There are no migrations in ${folder}.`);
}
