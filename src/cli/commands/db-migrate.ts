import { type Command, Option } from "commander";
import type { Environment } from "../../kernel/index.js";
import { migrate } from "../../sql/migrations/migrate.js";
import type { InterruptedStep } from "../../sql/migrations/run-parts.js";
import { dbCommand, migrationsOption, say, withDatabase } from "../db-command.js";
import { type DbOptions, migrationsFolder } from "../db-modules.js";

interface MigrateOptions extends DbOptions {
  readonly interrupted?: InterruptedStep;
}

/** Adds `db migrate`: applies what is pending. */
export function registerDbMigrate(db: Command): void {
  db.command("migrate")
    .description("Apply the migrations that the database does not have yet. Others that do so wait.")
    .addOption(interruptedOption())
    .option(...migrationsOption)
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
  for (const name of applied) say(`applied ${name}`);
  if (applied.length === 0) say("There is nothing to apply.");
}
