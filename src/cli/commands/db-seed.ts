import type { Command } from "commander";
import type { Environment } from "../../kernel/index.js";
import { seed } from "../../sql/migrations/seed.js";
import { dbCommand, jsonOption, say, sayJson, withDatabase } from "../db-command.js";
import { type DbOptions, loadSeeds } from "../db-modules.js";

interface SeedOptions extends DbOptions {
  readonly json?: true;
}

/** Adds `db seed`: first rows, once. */
export function registerDbSeed(db: Command): void {
  db.command("seed")
    .description("Fill the database with first rows. Each seed runs once; a second run does nothing.")
    .option("--seeds <path>", "module of the seeds; beats SQL_SEEDS")
    .option(...jsonOption)
    .addHelpText(
      "after",
      `
The module exports them: export const seeds = { plans: (db) => db.insert(plans).values(...) };

Examples:
  $ svc-infra db seed
  $ svc-infra db seed --seeds test/seeds.ts --json`,
    )
    .action(dbCommand(run));
}

async function run(env: Environment, options: SeedOptions): Promise<void> {
  const seeds = await loadSeeds(env, options);
  const ran = await withDatabase(env, (sql) => seed(sql, seeds));
  if (options.json) return sayJson({ ran });
  for (const name of ran) say(`ran ${name}`);
  if (ran.length === 0) say("There is nothing to seed.");
}
