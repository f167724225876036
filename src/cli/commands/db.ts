import type { Command } from "commander";
import { registerDbCheck } from "./db-check.js";
import { registerDbGenerate } from "./db-generate.js";
import { registerDbMigrate } from "./db-migrate.js";
import { registerDbRollback } from "./db-rollback.js";
import { registerDbSeed } from "./db-seed.js";
import { registerDbStatus } from "./db-status.js";
import { registerDbWait } from "./db-wait.js";

/** Adds `db`: the schema of the database, and its first rows. */
export function registerDb(program: Command): void {
  const db = program
    .command("db")
    .description("Look after the database: its schema and its first rows.")
    .addHelpText(
      "after",
      `
Examples:
  $ svc-infra db generate --name "orders have a note"     a migration from the tables
  $ svc-infra db migrate                                  applies what is pending
  $ svc-infra db check                                    for CI`,
    );
  registerDbGenerate(db);
  registerDbMigrate(db);
  registerDbRollback(db);
  registerDbStatus(db);
  registerDbCheck(db);
  registerDbSeed(db);
  registerDbWait(db);
}
