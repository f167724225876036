import { type Environment, loadSettings, readEnvironment } from "../kernel/index.js";
import { easySqlDb, type FolderWait, MigrationError, type SqlDb } from "../sql/index.js";
import { sqlVariables } from "../sql/settings.js";
import { sqlTarget } from "../sql/target.js";

/** The option of every command that reads or writes migrations. */
export const migrationsOption = [
  "--migrations <folder>",
  "folder of the migrations; beats SQL_MIGRATIONS_DIR",
] as const;

/** The option of the commands that read tables. */
export const schemaOption = [
  "--schema <paths>",
  "modules of the tables, separated by commas; beats SQL_SCHEMA",
] as const;

/** The option of every command that tells what it found or did. */
export const jsonOption = ["--json", "print one JSON object"] as const;

/** Runs a command of `db`. What a person has to put right is told without a stack. */
export function dbCommand<Options>(
  command: (env: Environment, options: Options) => Promise<void>,
): (options: Options) => Promise<void> {
  return async (options) => {
    try {
      await command(readEnvironment(), options);
    } catch (error) {
      if (!(error instanceof MigrationError)) throw error;
      process.stderr.write(`${error.message}\n`);
      process.exitCode = 1;
    }
  };
}

/** Commands on one embedded database take turns; a service that has its folder would keep them waiting for ever. */
const folderWait: FolderWait = {
  timeoutMs: 60_000,
  onWait: (pid) => process.stderr.write(`waiting for process ${pid}, which has the folder of the database\n`),
};

/**
 * Runs work on the database that the environment names, and closes it.
 *
 * @throws MigrationError where it is in memory: what is done to it, and told of it, ends with the command.
 */
export async function withDatabase<T>(env: Environment, work: (sql: SqlDb) => Promise<T>): Promise<T> {
  const target = sqlTarget(loadSettings(sqlVariables, env), env);
  if (target.kind === "embedded" && target.folder === undefined) {
    throw new MigrationError(
      `the database is in memory (${target.reason}) and ends with this command; set SQL_URL, as pglite:.data/db`,
    );
  }
  const sql = await easySqlDb({}, { env, folderWait });
  try {
    await sql.ping().catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message || String(Object(cause).code) : String(cause);
      throw new MigrationError(`the database ${sql.address} does not answer: ${reason}`, { cause });
    });
    return await work(sql);
  } finally {
    await sql.close();
  }
}

/** Prints a line for people. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Prints one value for programs. */
export function sayJson(value: unknown): void {
  say(JSON.stringify(value, undefined, 2));
}
