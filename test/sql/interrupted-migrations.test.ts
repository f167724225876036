import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { integer, pgTable, serial, text } from "drizzle-orm/pg-core";
import { easySqlDb, type SqlDb } from "svc-infra/sql";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { compareSchema, generateMigrationFiles } from "#dist/sql/migrations/generate.js";
import { migrate } from "#dist/sql/migrations/migrate.js";
import { migrationStatus } from "#dist/sql/migrations/migration-status.js";
import { rollback } from "#dist/sql/migrations/rollback.js";
import { collectTables } from "#dist/sql/schema/collect-tables.js";
import { Databases, kinds } from "./databases.js";

let databases: Databases;
let folder: string;

beforeAll(async () => {
  databases = await Databases.start();
});
afterAll(() => databases.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "svc-infra-interrupted-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, up: string, down = "") {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, "up.sql"), up);
  writeFileSync(join(folder, name, "down.sql"), down);
}

describe.each(kinds)("a migration of which nothing has run, on %s,", (kind) => {
  let db: SqlDb;
  const [good, bad] = ["20260101000000_good", "20260102000000_bad"];

  beforeEach(async () => {
    db = await easySqlDb(
      { url: kind === "embedded" ? "pglite:memory" : await databases.url(kind) },
      { env: {} },
    );
    write(good, "create table good (id int);\n", "drop table good;\n");
    write(bad, "create table bad (id int);\nselect no_such_function();\n", "drop table bad;\n");
    await expect(migrate(db, folder)).rejects.toThrow("nothing of this step was done");
  });
  afterEach(() => db.close());

  it("is pending, and can be changed and applied", async () => {
    expect(await migrationStatus(db, folder)).toEqual([
      { name: good, state: "applied" },
      { name: bad, state: "pending" },
    ]);
    write(bad, "create table bad (id int);\n", "drop table bad;\n");
    expect(await migrate(db, folder)).toEqual([bad]);
  });

  it("does not stand in the way of a rollback of the one before", async () => {
    expect(await rollback(db, folder)).toEqual([good]);
  });

  it("can be removed", async () => {
    rmSync(join(folder, bad), { recursive: true });
    expect(await migrationStatus(db, folder)).toEqual([{ name: good, state: "applied" }]);
    expect(await migrate(db, folder)).toEqual([]);
  });
});

describe("a statement outside a transaction", () => {
  const name = "20260101000000_index";
  const table = "create table t (id int);\ninsert into t values (1), (1);\n";
  const index = "-- svc-infra:no-transaction\ncreate unique index concurrently t_id on t (id);\n";
  let db: SqlDb;

  beforeEach(async () => {
    db = await easySqlDb({ url: await databases.url("postgres") }, { env: {} });
  });
  afterEach(() => db.close());

  it("that counts as done ends its migration when it is the last one", async () => {
    write(name, `${table}${index}`, "drop table t;\n");
    await expect(migrate(db, folder)).rejects.toThrow("--interrupted done");
    expect(await migrate(db, folder, { interrupted: "done" })).toEqual([name]);
    expect(await migrationStatus(db, folder)).toEqual([{ name, state: "applied" }]);
    expect(await migrate(db, folder)).toEqual([]);
    expect(await rollback(db, folder)).toEqual([name]);
  });

  it("that counts as done stays so when the next statement fails, up and down", async () => {
    const next = "-- svc-infra:transaction\nselect * from nowhere;\n";
    write(name, `${table}${index}${next}`, `${index.replaceAll("t_id", "t_other")}${next}`);
    await expect(migrate(db, folder)).rejects.toThrow("--interrupted done");
    await expect(migrate(db, folder, { interrupted: "done" })).rejects.toThrow("nowhere");
    await expect(migrate(db, folder)).rejects.toThrow("nowhere");
    await db.db.execute(sql`create table nowhere (id int)`);
    expect(await migrate(db, folder)).toEqual([name]);
    await db.db.execute(sql`drop table nowhere`);
    await expect(rollback(db, folder)).rejects.toThrow("--interrupted done");
    await expect(rollback(db, folder, { interrupted: "done" })).rejects.toThrow("nowhere");
    await expect(rollback(db, folder)).rejects.toThrow("nowhere");
    await db.db.execute(sql`create table nowhere (id int)`);
    expect(await rollback(db, folder)).toEqual([name]);
  });

  it("builds an index while another process waits for its turn", async () => {
    const url = await databases.url("postgres");
    const both = await Promise.all([1, 2].map(() => easySqlDb({ url }, { env: {} })));
    write(name, `create table t (id int);\nselect pg_sleep(2);\n${index}`, "drop table t;\n");
    const applied = await Promise.all(both.map((each) => migrate(each, folder)));
    expect(applied.flat()).toEqual([name]);
    for (const each of both) await each.close();
  });
});

describe("an empty migration", () => {
  const generate = async (table: object, now: number, empty = false) =>
    generateMigrationFiles(folder, await collect(table), {
      title: "step",
      empty,
      now: new Date(Date.UTC(2026, 0, 1, 0, 0, now)),
    });
  const collect = (table: object) => collectTables([{ name: "schema", load: async () => ({ table }) }]);
  const notes = pgTable("notes", { id: serial("id").primaryKey(), body: text("body") });

  it("is written when tables and migrations agree, and the next difference starts from it", async () => {
    await generate(notes, 0);
    expect(await generate(notes, 1)).toBeUndefined();
    expect(await generate(notes, 2, true)).toEqual({ name: "20260101000002_step", losses: [] });
    expect(await compareSchema(folder, await collect(notes))).toBeUndefined();
    expect(await generate(pgTable("notes", { id: serial("id").primaryKey() }), 3)).toMatchObject({
      losses: ["column notes.body"],
    });
  });

  it("is written for a change that has no statements of its own, as from serial to integer", async () => {
    await generate(notes, 0);
    const plain = pgTable("notes", { id: integer("id").primaryKey(), body: text("body") });
    await expect(generate(plain, 1)).rejects.toThrow("generate --empty");
    expect(await generate(plain, 2, true)).toEqual({ name: "20260101000002_step", losses: [] });
    expect(await compareSchema(folder, await collect(plain))).toBeUndefined();
  });
});
