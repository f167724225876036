import type { OpenedSql } from "../sql-db.js";
import { type HistoryEntry, MigrationHistory } from "./history.js";
import { MigrationError } from "./migration-error.js";
import { type Migration, readMigrations } from "./migration-folder.js";
import { withMigrationLock } from "./migration-lock.js";
import { refuseStrange } from "./refuse-strange.js";
import { adviceOn, type InterruptedStep, runParts } from "./run-parts.js";

/** How {@link migrate} goes on after an interruption that it cannot judge. */
export interface MigrateOptions {
  readonly interrupted?: InterruptedStep | undefined;
}

/**
 * Applies the migrations of a folder that the database does not have yet, in the order of their names. Only one process
 * does so at a time; the others wait, and find nothing to do.
 *
 * @returns the names of those that were applied.
 * @throws MigrationError when a file that has run was changed or is gone, when a loss is undecided, or when one fails.
 */
export function migrate(sql: OpenedSql, folder: string, options: MigrateOptions = {}): Promise<string[]> {
  return withMigrationLock(sql, async (connection) => {
    const migrations = readMigrations(folder);
    const history = new MigrationHistory(connection);
    await history.prepare();
    const entries = new Map((await history.entries()).map((entry) => [entry.name, entry]));
    refuseStrange([...entries.values()], migrations, folder);
    const left = migrations.filter(({ name }) => !isApplied(entries.get(name)));
    refuseUndecided(left);
    for (const migration of left) {
      const entry = entries.get(migration.name);
      if (entry === undefined) await history.add(migration.name, migration.hash, migration.up.parts.length);
      const from = entry === undefined ? 0 : nextPart(migration, entry, options);
      // The part that counts as done may be the last one.
      if (entry?.running !== undefined && from > entry.running) {
        await history.set(migration.name, "done", from);
      }
      await runParts({
        connection,
        history,
        name: migration.name,
        counter: "done",
        parts: migration.up.parts,
        from,
      });
    }
    return left.map(({ name }) => name);
  });
}

/** Whether all of it has run and none of it was undone. */
export function isApplied(entry: HistoryEntry | undefined): boolean {
  return (
    entry !== undefined && entry.done >= entry.parts && entry.running === undefined && entry.undone === 0
  );
}

function nextPart({ name, up }: Migration, entry: HistoryEntry, { interrupted }: MigrateOptions): number {
  if (entry.undone > 0 || (entry.running !== undefined && entry.done >= entry.parts)) {
    throw new MigrationError(`the rollback of ${name} was interrupted; run 'svc-infra db rollback' first`);
  }
  if (entry.running === undefined) return entry.done;
  if (interrupted === undefined) throw new MigrationError(adviceOn(name, up.parts[entry.running], "done"));
  return interrupted === "again" ? entry.running : entry.running + 1;
}

function refuseUndecided(migrations: readonly Migration[]): void {
  for (const { name, up } of migrations) {
    if (up.undecided.length > 0) throw new MigrationError(undecidedMessage(name, "up.sql", up.undecided));
  }
}

/** Names each table and column that would be lost, and says how to decide. */
export function undecidedMessage(name: string, file: string, undecided: readonly string[]): string {
  return `${name}/${file} would lose the ${undecided.join(", the ")}. Decide in the file: remove the line '-- svc-infra:loses ...', and
take the comment marks off the statement below it to lose the data, or remove the statement to keep it.`;
}
