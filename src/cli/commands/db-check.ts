import type { Command } from "commander";
import type { Environment } from "../../kernel/index.js";
import { readMigrations } from "../../sql/migrations/migration-folder.js";
import { dbCommand, jsonOption, migrationsOption, say, sayJson, schemaOption } from "../db-command.js";
import { collect, type DbOptions, describeNotes, migrationsFolder } from "../db-modules.js";

interface CheckOptions extends DbOptions {
  readonly json?: true;
}

/** Adds `db check`: fails when the migrations do not give what the tables say. Needs no database. */
export function registerDbCheck(db: Command): void {
  db.command("check")
    .description(
      "Fail when the tables and the migrations differ, or a decision is missing. Needs no database.",
    )
    .option(...schemaOption)
    .option(...migrationsOption)
    .option(...jsonOption)
    .addHelpText(
      "after",
      `
For CI: it fails when somebody has changed a table and forgot 'db generate', and when a migration still waits for a
decision about data that it would lose. It reads files only.

Examples:
  $ svc-infra db check
  $ svc-infra db check --json | jq -r '.missing[]'     the statements that no migration has

Exit codes: 0 they agree; 1 they differ, or a decision is missing.`,
    )
    .action(dbCommand(check));
}

async function check(env: Environment, options: CheckOptions): Promise<void> {
  const folder = migrationsFolder(env, options);
  const collected = await collect(env, options);
  if (!options.json) say(describeNotes(collected.notes));
  const { compareSchema } = await import("../../sql/migrations/generate.js");
  const change = await compareSchema(folder, collected);
  const missing = change?.up.map(({ statement }) => statement) ?? [];
  const undecided = readMigrations(folder).flatMap(({ name, up }) =>
    up.undecided.map((loss) => ({ migration: name, loses: loss })),
  );
  const agrees = missing.length === 0 && undecided.length === 0;
  if (options.json) sayJson({ agrees, missing, undecided, modules: collected.notes });
  else describe(missing, undecided);
  if (!agrees) process.exitCode = 1;
}

interface Undecided {
  readonly migration: string;
  readonly loses: string;
}

function describe(missing: readonly string[], undecided: readonly Undecided[]): void {
  for (const { migration, loses } of undecided)
    say(`${migration}/up.sql waits for a decision: it would lose the ${loses}`);
  if (missing.length > 0) say("The migrations lack these statements; run 'svc-infra db generate':");
  for (const statement of missing) say(statement);
  if (missing.length + undecided.length === 0) say("The tables and the migrations agree.");
}
