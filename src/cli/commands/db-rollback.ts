import { type Command, InvalidArgumentError } from "commander";
import type { Environment } from "../../kernel/index.js";
import { rollback } from "../../sql/migrations/rollback.js";
import type { InterruptedStep } from "../../sql/migrations/run-parts.js";
import { dbCommand, jsonOption, migrationsOption, say, sayJson, withDatabase } from "../db-command.js";
import { type DbOptions, migrationsFolder } from "../db-modules.js";
import { interruptedOption } from "./db-migrate.js";

interface RollbackOptions extends DbOptions {
  readonly steps: number;
  readonly interrupted?: InterruptedStep;
  readonly json?: true;
}

/** Adds `db rollback`: takes the last migrations back. */
export function registerDbRollback(db: Command): void {
  db.command("rollback")
    .description(
      "Take back the migrations that were applied last, unless that loses data and nobody decided it.",
    )
    .option("--steps <number>", "how many", readSteps, 1)
    .addOption(interruptedOption())
    .option(...migrationsOption)
    .option(...jsonOption)
    .addHelpText(
      "after",
      `
It runs down.sql of each, the last one first. A step of it that loses data is commented out until somebody has decided
in the file; then nothing at all is taken back.

Examples:
  $ svc-infra db status                    which came last
  $ svc-infra db rollback
  $ svc-infra db rollback --steps 2 --json

Exit codes: 0 they are taken back, or there was nothing; 1 one of them cannot be.`,
    )
    .action(dbCommand(run));
}

async function run(
  env: Environment,
  { steps, interrupted, json, ...options }: RollbackOptions,
): Promise<void> {
  const folder = migrationsFolder(env, options);
  const undone = await withDatabase(env, (sql) => rollback(sql, folder, { steps, interrupted }));
  if (json) return sayJson({ undone });
  for (const name of undone) say(`took back ${name}`);
  if (undone.length === 0) say("There is nothing to take back.");
}

function readSteps(value: string): number {
  if (/^[1-9][0-9]{0,5}$/.test(value)) return Number(value);
  throw new InvalidArgumentError("Expected a whole number above 0.");
}
