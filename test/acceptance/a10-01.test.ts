import { existsSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { sql } from "drizzle-orm";
import { defineJob, easyJobs } from "svc-infra/jobs";
import { easySqlDb } from "svc-infra/sql";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { Databases, kinds } from "../sql/databases.js";
import { Project } from "../sql/project.js";

const first = `
import { pgTable, serial, text } from "drizzle-orm/pg-core";
export const notes = pgTable("notes", { id: serial("id").primaryKey(), body: text("body").notNull() });
`;
const second = `
import { boolean, pgTable, serial, text } from "drizzle-orm/pg-core";
import { renamed } from "svc-infra/sql";
export const notes = renamed(
  pgTable("notes", { id: serial("id").primaryKey(), text: text("text").notNull(), done: boolean("done") }),
  { columns: { text: "body" } },
);
`;
const seeds = `
import { notes } from "./schema.js";
import type { Seeds } from "svc-infra/sql";
export const seeds: Seeds = {
  welcome: (db) => db.insert(notes).values({ body: "welcome" }),
  help: (db) => db.insert(notes).values({ body: "help" }),
};
`;

let databases: Databases;

beforeAll(async () => {
  databases = await Databases.start();
});
afterAll(() => databases.stop());

describe.each(kinds)("on %s", (kind) => {
  let url: string;
  let project: Project;

  beforeEach(async () => {
    url = await databases.url(kind);
    project = new Project(url);
    project.write("src/schema.ts", first);
  });
  afterEach(() => project.remove());

  async function rows(query: string): Promise<unknown> {
    const opened = await easySqlDb({ url }, { env: {} });
    const result = await opened.db.execute(sql.raw(query));
    await opened.close();
    return Object(result).rows;
  }

  it("the schema goes up, down and up, is seeded once, and nothing asks", async () => {
    expect(await project.db("check")).toMatchObject({
      code: 1,
      out: expect.stringContaining("CREATE TABLE"),
    });
    expect(await project.db("generate", "--name", "first notes")).toMatchObject({ code: 0, err: "" });
    expect(project.migrations()).toEqual([expect.stringMatching(/^\d{14}_first_notes$/)]);
    expect(await project.db("check")).toMatchObject({ code: 0 });

    expect((await project.db("status")).out).toMatch(/^pending/);
    expect((await project.db("migrate")).out).toMatch(/^applied \d{14}_first_notes/);
    expect((await project.db("migrate")).out).toBe("There is nothing to apply.\n");
    expect((await project.db("status")).out).toMatch(/^applied/);

    project.write("src/seeds.ts", seeds);
    expect(await project.db("seed")).toMatchObject({ code: 0, out: "ran welcome\nran help\n" });
    expect(await project.db("seed")).toMatchObject({ code: 0, out: "There is nothing to seed.\n" });
    expect(await rows("select body from notes order by id")).toEqual([{ body: "welcome" }, { body: "help" }]);

    project.write("src/schema.ts", second);
    expect(await project.db("generate")).toMatchObject({ code: 0 });
    expect(await project.db("migrate")).toMatchObject({ code: 0 });
    expect(await rows("select text, done from notes order by id")).toEqual([
      { text: "welcome", done: null },
      { text: "help", done: null },
    ]);

    const refusal = await project.db("rollback");
    expect(refusal).toMatchObject({
      code: 1,
      err: expect.stringContaining("would lose the column notes.done"),
    });
    const down = `migrations/${project.migrations().at(-1)}/down.sql`;
    project.write(down, project.read(down).replace(/^-- svc-infra:loses .*\n-- /m, ""));
    expect(await project.db("rollback")).toMatchObject({
      code: 0,
      out: expect.stringContaining("took back"),
    });
    expect(await rows("select body from notes order by id")).toEqual([{ body: "welcome" }, { body: "help" }]);
    expect(await project.db("wait", "--timeout", "5")).toMatchObject({ code: 0 });
  });

  it("a database that SQL_URL names has the outbox by its migrations, and enqueueIn works", async () => {
    expect((await project.db("generate")).out).toContain("svc-infra jobs: svc_infra_outbox\n");
    expect(await project.db("migrate")).toMatchObject({ code: 0 });
    const sql = await easySqlDb({ url }, { env: {} });
    const seen: string[] = [];
    const noted = defineJob("noted", z.string(), (payload) => void seen.push(payload));
    const jobs = await easyJobs({ sql, jobs: [noted], outboxPollMs: 20 }, { env: {} });
    const { queue } = jobs;
    expect(queue.driver).toBe(kind === "embedded" ? "memory" : "postgres");
    await sql.db.transaction((tx) => queue.enqueueIn(tx, noted, "committed"));
    await expect.poll(() => seen, { timeout: 30_000 }).toEqual(["committed"]);
    await jobs.close();
    await sql.close();
  });

  it("of ten that migrate a fresh database at once, one does, and all succeed", async () => {
    await project.db("generate");
    const ended = await Promise.all(Array.from({ length: 10 }, () => project.db("migrate")));
    // The embedded database has one process at a time, and each that waits for it says so.
    const ends = ended.map(
      ({ code, err }) => `${code} ${err.replaceAll(/waiting for process \d+, .*\n/g, "")}`,
    );
    expect(ends).toEqual(Array.from({ length: 10 }, () => "0 "));
    expect(ended.filter(({ out }) => out.includes("applied"))).toHaveLength(1);
  });

  it("a file that was changed after it had run is refused, and one that is gone", async () => {
    await project.db("generate");
    await project.db("migrate");
    const up = `migrations/${project.migrations()[0]}/up.sql`;
    const text = project.read(up);
    project.write(up, `${text}-- a note\n`);
    expect(await project.db("migrate")).toMatchObject({
      code: 1,
      err: expect.stringContaining("was changed after it had run"),
    });
    expect((await project.db("status")).out).toMatch(/^changed/);
    project.write(up, text.replaceAll("\n", "\r\n"));
    expect(await project.db("migrate")).toMatchObject({ code: 0 });

    project.write(up, `${text}-- a note\n`);
    expect(await project.db("rollback")).toMatchObject({
      code: 1,
      err: expect.stringContaining("was changed after it had run"),
    });
    expect(await rows("select count(*)::int as n from notes")).toEqual([{ n: 0 }]);

    rmSync(join(project.folder, dirname(up)), { recursive: true });
    for (const command of ["migrate", "rollback"]) {
      expect(await project.db(command)).toMatchObject({
        code: 1,
        err: expect.stringMatching(
          /the database has migration \d{14}_\w+, and .* does not; bring the file back/,
        ),
      });
    }
    expect((await project.db("status")).out).toMatch(/^missing/);
  });

  it("a down file may be decided on until a part of it has run, and is refused when it is changed then", async () => {
    const folder = "migrations/20260101000000_two";
    const down = (second: string) => `drop table two;\n-- svc-infra:transaction\n${second};\n`;
    project.write(`${folder}/up.sql`, "create table one (id int);\ncreate table two (id int);\n");
    project.write(`${folder}/down.sql`, down("drop table none"));
    expect(await project.db("migrate")).toMatchObject({ code: 0 });
    const failing = down("drop table nowhere");
    project.write(`${folder}/down.sql`, failing);
    expect(await project.db("rollback")).toMatchObject({ code: 1, err: expect.stringContaining("nowhere") });
    project.write(`${folder}/down.sql`, down("drop table one"));
    expect(await project.db("rollback")).toMatchObject({
      code: 1,
      err: expect.stringContaining("down.sql was changed after a part of it had run"),
    });
    project.write(`${folder}/down.sql`, failing);
    await rows("create table nowhere (id int)");
    expect(await project.db("rollback")).toMatchObject({ code: 0 });
    expect(await rows("select to_regclass('two') as two, to_regclass('one') as one")).toEqual([
      { two: null, one: "one" },
    ]);
  });
});

describe("on embedded", () => {
  it("one that was killed half-way is continued by the next", async () => {
    const url = await databases.url("embedded");
    const folder = url.slice("pglite:".length);
    const project = new Project(url);
    project.write(
      "migrations/20260101000000_slow/up.sql",
      `create table one (id int);
-- svc-infra:transaction
create table two (id int);
copy (select 1) to '/pglite/data/began';
select case when exists (select from pg_ls_dir('.') as f where f = 'hurry') then 'ok' else pg_sleep(600)::text end;
`,
    );
    project.write("migrations/20260101000000_slow/down.sql", "drop table two; drop table one;\n");
    const running = project.start("migrate");
    await expect.poll(() => existsSync(join(folder, "began")), { timeout: 60_000 }).toBe(true);
    running.stop();
    await running.ended;
    expect((await project.db("status")).out).toMatch(/^interrupted/);
    expect(await project.db("rollback")).toMatchObject({
      code: 1,
      err: expect.stringContaining("run 'svc-infra db migrate' first"),
    });
    const look = async () => {
      const db = await easySqlDb({ url }, { env: {} });
      const tables = sql`select to_regclass('one') as one, to_regclass('two') as two, done, parts from svc_infra_migrations`;
      const { rows } = Object(await db.db.execute(tables));
      await db.close();
      return rows;
    };
    expect(await look()).toEqual([{ one: "one", two: null, done: 1, parts: 2 }]);
    writeFileSync(join(folder, "hurry"), "");
    expect(await project.db("migrate")).toMatchObject({ code: 0, out: expect.stringContaining("applied") });
    expect(await look()).toEqual([{ one: "one", two: "two", done: 2, parts: 2 }]);
    project.remove();
  });
});

describe("on postgres", () => {
  let url: string;
  let project: Project;

  beforeEach(async () => {
    url = await databases.url("postgres");
    project = new Project(url);
  });
  afterEach(() => project.remove());

  it("one that was killed half-way is continued by the next", async () => {
    project.write(
      "migrations/20260101000000_slow/up.sql",
      "create table one (id int);\n-- svc-infra:transaction\ncreate table two (id int);\nselect pg_sleep(30);\n",
    );
    project.write("migrations/20260101000000_slow/down.sql", "drop table two; drop table one;\n");
    const running = project.start("migrate");
    const db = await easySqlDb({ url }, { env: {} });
    const sleeping = sql`select count(*)::int as n from pg_stat_activity where query like '%pg_sleep(30)%' and pid <> pg_backend_pid() and datname = current_database()`;
    await expect.poll(async () => Object(await db.db.execute(sleeping)).rows[0].n).toBe(1);
    running.stop();
    await running.ended;
    await db.db.execute(
      sql`select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(30)%' and pid <> pg_backend_pid()`,
    );
    const tables = sql`select to_regclass('one') as one, to_regclass('two') as two, done, parts from svc_infra_migrations`;
    expect(Object(await db.db.execute(tables)).rows).toEqual([{ one: "one", two: null, done: 1, parts: 2 }]);
    expect((await project.db("status")).out).toMatch(/^interrupted/);
    expect(await project.db("rollback")).toMatchObject({
      code: 1,
      err: expect.stringContaining("run 'svc-infra db migrate' first"),
    });

    await db.db.execute(sql`create function pg_temp.nothing() returns int language sql as 'select 1'`);
    await db.db.execute(sql`create schema fast`);
    await db.db.execute(sql`create function fast.pg_sleep(int) returns void language sql as 'select'`);
    const name = sql.identifier(new URL(url).pathname.slice(1));
    await db.db.execute(sql`alter database ${name} set search_path = public, fast, pg_catalog`);
    expect(await project.db("migrate")).toMatchObject({ code: 0, out: expect.stringContaining("applied") });
    expect(Object(await db.db.execute(tables)).rows).toEqual([{ one: "one", two: "two", done: 2, parts: 2 }]);
    await db.close();
  });

  it("seeds run with a pool of one connection", async () => {
    const small = new Project(url, { SQL_POOL_SIZE: "1", SQL_POOL_TIMEOUT_MS: "20000" });
    small.write("src/schema.ts", first);
    small.write("src/seeds.ts", seeds);
    await small.db("generate");
    await small.db("migrate");
    expect(await small.db("seed")).toMatchObject({ code: 0, out: "ran welcome\nran help\n" });
    small.remove();
  });

  it("a statement outside a transaction that failed is told, and continues as a person decides", async () => {
    const alone =
      "create table t (id int);\ninsert into t values (1), (1);\n-- svc-infra:no-transaction\ncreate unique index concurrently t_id on t (id);\n";
    project.write("migrations/20260101000000_index/up.sql", alone);
    project.write("migrations/20260101000000_index/down.sql", "drop table t;\n");
    const failed = await project.db("migrate");
    expect(failed).toMatchObject({ code: 1, err: expect.stringContaining("--interrupted again") });
    expect(await project.db("migrate")).toMatchObject({
      code: 1,
      err: expect.stringContaining("create unique index concurrently"),
    });
    const db = await easySqlDb({ url }, { env: {} });
    await db.db.execute(sql`delete from t`);
    await db.db.execute(sql`drop index t_id`);
    expect(await project.db("migrate", "--interrupted", "again")).toMatchObject({ code: 0 });
    const valid = await db.db.execute(
      sql`select indisvalid from pg_index where indexrelid = 't_id'::regclass`,
    );
    expect(Object(valid).rows).toEqual([{ indisvalid: true }]);
    await db.close();
  });

  it("each module is told right: one that throws, a look-alike table, and a table found twice", async () => {
    project.write("src/schema/a.ts", first);
    project.write("src/schema/again.ts", `export { notes } from "./a.js";\n`);
    project.write(
      "src/schema/like.ts",
      `
      import { sqliteTable, text } from "drizzle-orm/sqlite-core";
      export const cats = sqliteTable("cats", { name: text("name") });
      export const dogs = { tableName: "dogs", columns: { name: "text" } };
      export const answer = 42;
    `,
    );
    const fine = await project.db("generate");
    expect(fine).toMatchObject({ code: 0 });
    expect(fine.out).toMatch(/src\/schema\/a\.ts: notes$/m);
    expect(fine.out).toMatch(
      /src\/schema\/again\.ts: no table\n +skipped notes: is the table notes of .*src\/schema\/a\.ts again$/m,
    );
    expect(fine.out).toMatch(/skipped cats: is a table of another database/);
    expect(fine.out).toMatch(/skipped dogs: looks like a table and is none of Drizzle's/);

    project.write("src/schema/other.ts", first);
    expect(await project.db("check")).toMatchObject({
      code: 1,
      err: expect.stringMatching(/other\.ts: 'notes' is another table notes, and .*a\.ts has one already/),
    });
    project.write("src/schema/other.ts", `throw new TypeError("no such thing");`);
    const broken = await project.db("generate");
    expect(broken).toMatchObject({
      code: 1,
      err: expect.stringContaining("other.ts: cannot be loaded: TypeError: no such thing"),
    });
    expect(project.migrations()).toHaveLength(1);
  });

  it("the outbox comes with a server of the queue, too, and not where nothing chooses one", async () => {
    for (const [env, has] of [
      [{ REDIS_URL: "redis://127.0.0.1:1" }, true],
      [{ DB_HOST: "localhost" }, true],
      [{}, false],
    ] as const) {
      const other = new Project("", env);
      other.write("schema.ts", first);
      expect(await other.db("generate")).toMatchObject({ code: 0 });
      const up = other.read(`migrations/${other.migrations()[0]}/up.sql`);
      expect(up).toContain('CREATE TABLE "notes"');
      expect(up.includes("svc_infra_outbox")).toBe(has);
      other.remove();
    }
  });

  it("two branches that started from the same schema are told", async () => {
    project.write("schema.ts", first);
    await project.db("generate");
    const [name = ""] = project.migrations();
    for (const file of ["up.sql", "down.sql", "schema.json"]) {
      project.write(`migrations/20990101000000_other/${file}`, project.read(`migrations/${name}/${file}`));
    }
    expect(await project.db("check")).toMatchObject({
      code: 1,
      err: expect.stringContaining("as on two branches"),
    });
  });

  it("wait ends with 1 and the reason when there is no database in time", async () => {
    const nowhere = new Project("postgresql://nobody@127.0.0.1:1/nowhere");
    const ended = await nowhere.db("wait", "--timeout", "1");
    expect(ended).toMatchObject({
      code: 1,
      err: expect.stringMatching(/did not answer within 1 s: .*ECONNREFUSED/),
    });
    nowhere.remove();
  });
});
