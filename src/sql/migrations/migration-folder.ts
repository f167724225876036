import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MigrationError } from "./migration-error.js";
import { parseSqlFile, type SqlFile } from "./sql-file.js";

/** A step of the schema, in a folder of its own: `up.sql`, `down.sql`, and `schema.json`, which is the schema after it. */
export interface Migration {
  /** Name of its folder, as in `20261128103000_add_users`; the order of names is the order of migrations. */
  readonly name: string;
  readonly up: SqlFile;
  readonly down: SqlFile;
  /** SHA-256 of `up.sql`, with line ends as Unix has them. */
  readonly hash: string;
  /** The same of `down.sql`. */
  readonly downHash: string;
}

/** The texts of a new migration. */
export interface MigrationTexts {
  readonly up: string;
  readonly down: string;
  readonly schema: object;
}

const namePattern = /^\d{14}_[a-z0-9_]+$/;

/** The migrations of a folder in their order; none when there is no such folder. */
export function readMigrations(folder: string): Migration[] {
  return migrationNames(folder).map((name) => {
    const [up, down] = [readText(folder, name, "up.sql"), readText(folder, name, "down.sql")];
    return { name, up: parseSqlFile(up), down: parseSqlFile(down), hash: hashOf(up), downHash: hashOf(down) };
  });
}

function hashOf(text: string): string {
  return createHash("sha256").update(text.replaceAll("\r\n", "\n")).digest("hex");
}

/** The schema after each migration, in their order. */
export function readSchemas(folder: string): { name: string; schema: unknown }[] {
  return migrationNames(folder).map((name) => ({
    name,
    schema: JSON.parse(readText(folder, name, "schema.json")),
  }));
}

/** Writes a migration; it gets its name when it is whole. */
export function writeMigration(folder: string, name: string, { up, down, schema }: MigrationTexts): void {
  if (!namePattern.test(name)) throw new MigrationError(`'${name}' is not a name of a migration`);
  const target = join(folder, name);
  const draft = join(folder, `.${name}`);
  if (existsSync(target))
    throw new MigrationError(`there is a migration ${name} already; try again in a second`);
  mkdirSync(draft, { recursive: true });
  writeFileSync(join(draft, "up.sql"), up);
  writeFileSync(join(draft, "down.sql"), down);
  writeFileSync(join(draft, "schema.json"), `${JSON.stringify(schema, undefined, 2)}\n`);
  renameSync(draft, target);
}

/** A name for now: the second in UTC, and what it is about. */
export function newMigrationName(title: string, now: Date): string {
  const stamp = now.toISOString().replaceAll(/\D/g, "").slice(0, 14);
  const words = title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "_")
    .replaceAll(/^_+|_+$/g, "")
    .slice(0, 60);
  return `${stamp}_${words === "" ? "change" : words}`;
}

function migrationNames(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith("."));
  const odd = folders.find(({ name }) => !namePattern.test(name));
  if (odd !== undefined) {
    throw new MigrationError(
      `${join(folder, odd.name)} is no migration; expected a name like 20261128103000_add_users`,
    );
  }
  return folders.map(({ name }) => name).sort();
}

function readText(folder: string, name: string, file: string): string {
  try {
    return readFileSync(join(folder, name, file), "utf8");
  } catch (cause) {
    throw new MigrationError(`${join(folder, name, file)} cannot be read`, { cause });
  }
}
