import type { Command } from "commander";
import type { Environment } from "../../kernel/index.js";
import { readMigrations } from "../../sql/migrations/migration-folder.js";
import { dbCommand, migrationsOption, say, schemaOption } from "../db-command.js";
import { collect, type DbOptions, describeNotes, migrationsFolder } from "../db-modules.js";

/** Adds `db check`: fails when the migrations do not give what the tables say. Needs no database. */
export function registerDbCheck(db: Command): void {
  db.command("check")
    .description(
      "Fail when the tables and the migrations differ, or a decision is missing. Needs no database.",
    )
    .option(...schemaOption)
    .option(...migrationsOption)
    .action(dbCommand(check));
}

async function check(env: Environment, options: DbOptions): Promise<void> {
  const folder = migrationsFolder(env, options);
  const collected = await collect(env, options);
  say(describeNotes(collected.notes));
  const { compareSchema } = await import("../../sql/migrations/generate.js");
  const change = await compareSchema(folder, collected);
  const undecided = readMigrations(folder).flatMap(({ name, up }) =>
    up.undecided.map((loss) => `${name}/up.sql waits for a decision: it would lose the ${loss}`),
  );
  for (const line of undecided) say(line);
  if (change !== undefined) {
    say("The migrations lack these statements; run 'svc-infra db generate':");
    for (const { statement } of change.up) say(statement);
  }
  if (change === undefined && undecided.length === 0) say("The tables and the migrations agree.");
  else process.exitCode = 1;
}
