import type { OpenedSql } from "../sql-db.js";
import { type HistoryEntry, MigrationHistory } from "./history.js";
import { isApplied } from "./migrate.js";
import { type Migration, readMigrations } from "./migration-folder.js";

/** How a migration stands: `changed` means that its file is not the one that has run, `missing` that it is gone. */
export interface MigrationStatus {
  readonly name: string;
  readonly state: "applied" | "pending" | "interrupted" | "changed" | "missing";
}

/** How each migration of the folder and of the database stands, in the order of their names. Changes nothing. */
export function migrationStatus(sql: OpenedSql, folder: string): Promise<MigrationStatus[]> {
  return sql.withConnection(async (connection) => {
    const history = new MigrationHistory(connection);
    const entries = (await history.isThere()) ? await history.entries() : [];
    const known = new Map(entries.map((entry) => [entry.name, entry]));
    const files = new Map(readMigrations(folder).map((migration) => [migration.name, migration]));
    const names = [...new Set([...known.keys(), ...files.keys()])].sort();
    return names.map((name) => ({ name, state: stateOf(known.get(name), files.get(name)) }));
  });
}

function stateOf(entry: HistoryEntry | undefined, file: Migration | undefined): MigrationStatus["state"] {
  if (entry === undefined) return "pending";
  if (file === undefined) return "missing";
  if (file.hash !== entry.hash) return "changed";
  return isApplied(entry) ? "applied" : "interrupted";
}
