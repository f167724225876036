import { type Command, Option } from "commander";
import type { Environment } from "../../kernel/index.js";
import { migrate } from "../../sql/migrations/migrate.js";
import type { InterruptedStep } from "../../sql/migrations/run-parts.js";
import { dbCommand, jsonOption, migrationsOption, say, sayJson, withDatabase } from "../db-command.js";
import { type DbOptions, migrationsFolder } from "../db-modules.js";

interface MigrateOptions extends DbOptions {
  readonly interrupted?: InterruptedStep;
  readonly json?: true;
}

/** Adds `db migrate`: applies what is pending. */
export function registerDbMigrate(db: Command): void {
  db.command("migrate")
    .description("Apply the migrations that the database does not have yet. Others that do so wait.")
    .addOption(interruptedOption())
    .option(...migrationsOption)
    .option(...jsonOption)
    .addHelpText(
      "after",
      `
Run it once before each release; production does not migrate by itself. Should two run at the same time, one waits for the
other and finds nothing to do. A migration that fails is rolled back whole, unless it has statements that must run
outside a transaction: after such an interruption, --interrupted says whether that statement is run again or counts as done.

Examples:
  $ svc-infra db migrate
  $ SQL_URL=postgresql://... svc-infra db migrate --json
  $ svc-infra db migrate --interrupted again

Exit codes: 0 the database has all of them; 1 one failed, or waits for a decision, and none after it was applied.`,
    )
    .action(dbCommand(run));
}

/** The answer to a statement that was interrupted outside a transaction. */
export function interruptedOption(): Option {
  const what = "a statement outside a transaction that was interrupted: run it again, or count it as done";
  return new Option("--interrupted <what>", what).choices(["again", "done"]);
}

async function run(env: Environment, options: MigrateOptions): Promise<void> {
  const folder = migrationsFolder(env, options);
  const applied = await withDatabase(env, (sql) =>
    migrate(sql, folder, { interrupted: options.interrupted }),
  );
  if (options.json) return sayJson({ applied });
  for (const name of applied) say(`applied ${name}`);
  if (applied.length === 0) say("There is nothing to apply.");
}
