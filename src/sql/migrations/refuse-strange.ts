import type { HistoryEntry } from "./history.js";
import { MigrationError } from "./migration-error.js";
import type { Migration } from "./migration-folder.js";

/** Migrations that have run must exist unchanged: otherwise the state of the database is not known. */
export function refuseStrange(
  entries: readonly HistoryEntry[],
  migrations: readonly Migration[],
  folder: string,
): void {
  const files = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const { name, hash, downHash, undone, running } of entries) {
    const file = files.get(name);
    if (file === undefined) {
      throw new MigrationError(
        `the database has migration ${name}, and ${folder} does not; bring the file back`,
      );
    }
    if (file.hash !== hash) {
      throw new MigrationError(
        `${folder}/${name}/up.sql was changed after it had run; bring it back as it was, and write a new migration`,
      );
    }
    const hasBegun = undone > 0 || running !== undefined;
    if (hasBegun && downHash !== undefined && file.downHash !== downHash) {
      throw new MigrationError(
        `${folder}/${name}/down.sql was changed after a part of it had run; bring it back as it was, and run 'svc-infra db rollback'`,
      );
    }
  }
}
