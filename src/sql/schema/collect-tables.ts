import { is, Table } from "drizzle-orm";
import {
  getTableConfig,
  isPgEnum,
  isPgSchema,
  isPgSequence,
  isPgView,
  PgPolicy,
  PgRole,
  PgTable,
} from "drizzle-orm/pg-core";

/** A module whose exports are tables. */
export interface SchemaModule {
  /** A path, or the name of one of the kit's own groups; for people. */
  readonly name: string;
  readonly load: () => Promise<object>;
}

/** What was found in one module. */
export interface ModuleNote {
  readonly module: string;
  /** Names of its tables in the database. */
  readonly tables: readonly string[];
  /** Exports that are objects and do not count, and why. */
  readonly skipped: readonly { readonly name: string; readonly why: string }[];
  /** Why it could not be used; the tables of the others are no whole schema then. */
  readonly failed?: string;
}

/** Tables and what belongs to them, with a note for each module. */
export interface Collected {
  readonly tables: readonly PgTable[];
  /** Tables, enumerations, schemas, sequences, views, roles and policies, each with a name of its own. */
  readonly exports: Readonly<Record<string, unknown>>;
  readonly notes: readonly ModuleNote[];
}

/**
 * Collects the tables of modules. Only what Drizzle knows as a table of PostgreSQL counts. A module that cannot be loaded, and
 * a second table of the same name, are failures in its note; nothing is thrown.
 */
export async function collectTables(modules: readonly SchemaModule[]): Promise<Collected> {
  const collector = new Collector();
  for (const module of modules) await collector.add(module);
  return {
    tables: [...collector.tables.values()].map(({ table }) => table),
    exports: collector.exports,
    notes: collector.notes,
  };
}

interface OpenNote {
  readonly module: string;
  readonly tables: string[];
  readonly skipped: { name: string; why: string }[];
  failed?: string;
}

class Collector {
  readonly tables = new Map<string, { table: PgTable; module: string }>();
  readonly exports: Record<string, unknown> = {};
  readonly notes: ModuleNote[] = [];
  #count = 0;

  async add({ name, load }: SchemaModule): Promise<void> {
    try {
      this.#take(name, Object.entries(await load()));
    } catch (error) {
      this.notes.push({
        module: name,
        tables: [],
        skipped: [],
        failed: `cannot be loaded: ${reasonOf(error)}`,
      });
    }
  }

  #take(module: string, exported: readonly [string, unknown][]): void {
    const note: OpenNote = { module, tables: [], skipped: [] };
    for (const [name, value] of exported) {
      if (is(value, PgTable)) this.#takeTable(note, name, value);
      else if (belongsToTables(value)) this.exports[`${name}$${this.#count++}`] = value;
      else if (typeof value === "object" && value !== null) note.skipped.push({ name, why: whyNot(value) });
    }
    this.notes.push(note);
  }

  #takeTable(note: OpenNote, name: string, table: PgTable): void {
    const key = keyOf(table);
    const other = this.tables.get(key);
    if (other === undefined) {
      note.tables.push(key);
      this.#keep(note.module, key, table);
    } else if (other.table === table) {
      note.skipped.push({ name, why: `is the table ${key} of ${other.module} again` });
    } else note.failed = `'${name}' is another table ${key}, and ${other.module} has one already`;
  }

  #keep(module: string, key: string, table: PgTable): void {
    this.tables.set(key, { table, module });
    this.exports[`${key}$${this.#count++}`] = table;
  }
}

function keyOf(table: PgTable): string {
  const { name, schema } = getTableConfig(table);
  return schema === undefined ? name : `${schema}.${name}`;
}

function belongsToTables(value: unknown): boolean {
  return (
    isPgEnum(value) ||
    isPgSchema(value) ||
    isPgSequence(value) ||
    isPgView(value) ||
    is(value, PgRole) ||
    is(value, PgPolicy)
  );
}

function whyNot(value: object): string {
  if (is(value, Table)) return "is a table of another database, not of PostgreSQL";
  return "columns" in value || "tableName" in value
    ? "looks like a table and is none of Drizzle's"
    : "is no table";
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
