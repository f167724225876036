import type { OpenedSql, SqlConnection } from "../sql-db.js";
import { type HistoryEntry, MigrationHistory } from "./history.js";
import { undecidedMessage } from "./migrate.js";
import { MigrationError } from "./migration-error.js";
import { type Migration, readMigrations } from "./migration-folder.js";
import { withMigrationLock } from "./migration-lock.js";
import { refuseStrange } from "./refuse-strange.js";
import { adviceOn, type InterruptedStep, runParts } from "./run-parts.js";

export interface RollbackOptions {
  /** How many migrations to undo. Default: 1. */
  readonly steps?: number | undefined;
  readonly interrupted?: InterruptedStep | undefined;
}

/**
 * Undoes the migrations that were applied last.
 *
 * @returns the names of those that were undone, the last one first.
 * @throws MigrationError before anything is undone, when a file that has run was changed or is gone, or a step would lose
 * data and is still commented out.
 */
export function rollback(
  sql: OpenedSql,
  folder: string,
  { steps = 1, interrupted }: RollbackOptions = {},
): Promise<string[]> {
  return withMigrationLock(sql, async (connection) => {
    const migrations = readMigrations(folder);
    const history = new MigrationHistory(connection);
    await history.prepare();
    const entries = await history.entries();
    refuseStrange(entries, migrations, folder);
    const last = entries.reverse().slice(0, steps);
    const undoing = last.map((entry) => ({ entry, migration: undoable(entry, migrations) }));
    for (const { entry, migration } of undoing) {
      const from = nextPart(migration, entry, interrupted);
      if (entry.running !== undefined && from > entry.running) {
        await history.set(migration.name, "undone", from);
      }
      await undo(connection, history, migration, from);
    }
    return last.map(({ name }) => name);
  });
}

async function undo(
  connection: SqlConnection,
  history: MigrationHistory,
  { name, down, downHash }: Migration,
  from: number,
) {
  await history.beginUndo(name, downHash);
  await runParts({ connection, history, name, counter: "undone", parts: down.parts, from });
  await history.remove(name);
}

function undoable({ name, done, parts }: HistoryEntry, migrations: readonly Migration[]): Migration {
  const migration = migrations.find((each) => each.name === name);
  if (migration === undefined || done < parts)
    throw new MigrationError(`migration ${name} was interrupted; run 'svc-infra db migrate' first`);
  const { undecided } = migration.down;
  if (undecided.length > 0) throw new MigrationError(undecidedMessage(name, "down.sql", undecided));
  return migration;
}

function nextPart(
  { name, down }: Migration,
  entry: HistoryEntry,
  interrupted: InterruptedStep | undefined,
): number {
  if (entry.running === undefined) return entry.undone;
  if (interrupted === undefined)
    throw new MigrationError(adviceOn(name, down.parts[entry.running], "undone"));
  return interrupted === "again" ? entry.running : entry.running + 1;
}
