import type { Command } from "commander";
import type { Environment } from "../../kernel/index.js";
import { dbCommand, jsonOption, migrationsOption, say, sayJson, schemaOption } from "../db-command.js";
import { collect, type DbOptions, describeNotes, migrationsFolder } from "../db-modules.js";

interface GenerateOptions extends DbOptions {
  readonly name: string;
  readonly acceptLoss?: true;
  readonly empty?: true;
  readonly json?: true;
}

/** Adds `db generate`: writes the migration that the tables ask for. */
export function registerDbGenerate(db: Command): void {
  db.command("generate")
    .description("Write a migration, up and down, from the difference between the tables and the migrations.")
    .option("--name <title>", "what it is about, as a part of its name", "change")
    .option("--accept-loss", "let up.sql drop columns and tables without asking for a decision in the file")
    .option("--empty", "leave the statements to me")
    .option(...schemaOption)
    .option(...migrationsOption)
    .option(...jsonOption)
    .addHelpText(
      "after",
      `
It never asks. A step that loses data is written commented out; neither migrate nor rollback runs the file until somebody
has decided in it. A table or column with another name is renamed when the schema says so: renamed(table, { from }).

Examples:
  $ svc-infra db generate --name "orders have a note"
  $ svc-infra db generate --empty --name "fill the notes"     a file for statements of one's own
  $ svc-infra db generate --json | jq -r .migration           null when there was nothing to write`,
    )
    .action(dbCommand(generate));
}

async function generate(env: Environment, options: GenerateOptions): Promise<void> {
  const folder = migrationsFolder(env, options);
  const collected = await collect(env, options);
  if (!options.json) say(describeNotes(collected.notes));
  const { generateMigrationFiles } = await import("../../sql/migrations/generate.js");
  const { name: title, acceptLoss = false, empty = false } = options;
  const written = await generateMigrationFiles(folder, collected, { title, acceptLoss, empty });
  if (options.json) {
    const { name: migration = null, losses = [] } = written ?? {};
    return sayJson({ migration, losses, modules: collected.notes });
  }
  if (written === undefined) return say("The migrations have everything that the tables ask for.");
  say(`Wrote ${folder}/${written.name}`);
  for (const loss of written.losses)
    say(`  ${acceptLoss ? "it loses" : "to decide in up.sql: it would lose"} the ${loss}`);
}
