import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  bigint,
  boolean,
  foreignKey,
  index,
  integer,
  jsonb,
  numeric,
  pgEnum,
  pgTable,
  primaryKey,
  serial,
  text,
  timestamp,
  unique,
  uniqueIndex,
  uuid,
  varchar,
} from "drizzle-orm/pg-core";
import { easySqlDb, renamed, type SqlDb } from "svc-infra/sql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generateMigrationFiles } from "#dist/sql/migrations/generate.js";
import { migrate } from "#dist/sql/migrations/migrate.js";
import { rollback } from "#dist/sql/migrations/rollback.js";
import { collectTables } from "#dist/sql/schema/collect-tables.js";
import { Databases, kinds } from "./databases.js";

const mood = pgEnum("mood", ["good", "bad"]);
const base = () => {
  const teams = pgTable("teams", { id: serial("id").primaryKey(), name: text("name").notNull() });
  const users = pgTable(
    "users",
    {
      id: serial("id").primaryKey(),
      email: text("email").notNull(),
      name: varchar("name", { length: 40 }).default("nobody"),
      age: integer("age").default(1),
      score: numeric("score"),
      mood: mood("mood").default("good"),
      teamId: integer("team_id").references(() => teams.id),
    },
    (table) => [index("users_age").on(table.age), unique("users_email").on(table.email)],
  );
  return { mood, teams, users };
};

/** The users of the base, with columns changed, added, or left out by `undefined`. */
function withColumns(columns: object, extras = true) {
  const { teams } = base();
  const all = {
    id: serial("id").primaryKey(),
    email: text("email").notNull(),
    name: varchar("name", { length: 40 }).default("nobody"),
    age: integer("age").default(1),
    score: numeric("score"),
    mood: mood("mood").default("good"),
    teamId: integer("team_id").references(() => teams.id),
    ...columns,
  };
  const kept = Object.fromEntries(
    Object.entries(all).filter(([, column]) => column !== undefined),
  ) as typeof all;
  const users = pgTable("users", kept, (table) =>
    extras ? [index("users_age").on(table.age), unique("users_email").on(table.email)] : [],
  );
  return { mood, teams, users };
}

const longMood = pgEnum("mood", ["good", "so so", "bad"]);
const shortMood = pgEnum("mood", ["good"]);
const otherMood = pgEnum("mood", ["bad", "good"]);
const plan = pgEnum("plan", ["free", "paid"]);

interface Change {
  readonly what: string;
  readonly to: () => Record<string, unknown>;
  /** What it loses on its way up; the other direction loses what it adds. */
  readonly loses?: readonly string[];
  readonly losesDown?: readonly string[];
}

const changes: readonly Change[] = [
  { what: "add a column", to: () => withColumns({ nick: text("nick") }), losesDown: ["column users.nick"] },
  {
    what: "add a column with a default that must be there",
    to: () => withColumns({ isOn: boolean("is_on").notNull().default(true) }),
    losesDown: ["column users.is_on"],
  },
  { what: "drop a column", to: () => withColumns({ score: undefined }), loses: ["column users.score"] },
  {
    what: "drop one column and add another",
    to: () => withColumns({ score: undefined, points: integer("points") }),
    loses: ["column users.score"],
    losesDown: ["column users.points"],
  },
  {
    what: "rename a column",
    to: () => {
      const { users, ...rest } = withColumns({
        name: varchar("full_name", { length: 40 }).default("nobody"),
      });
      return { ...rest, users: renamed(users, { columns: { name: "name" } }) };
    },
  },
  {
    what: "rename a column with an index and a unique constraint",
    to: () => {
      const { users, ...rest } = withColumns({
        email: text("mail").notNull(),
        age: integer("years").default(1),
      });
      return { ...rest, users: renamed(users, { columns: { email: "email", age: "age" } }) };
    },
  },
  {
    what: "rename a table that another one points at",
    to: () => {
      const teams = renamed(
        pgTable("groups", { id: serial("id").primaryKey(), name: text("name").notNull() }),
        {
          from: "teams",
        },
      );
      return { ...withColumns({ teamId: integer("team_id").references(() => teams.id) }), teams };
    },
  },
  {
    what: "rename a table and one of its columns, and add one",
    to: () => {
      const teams = pgTable("groups", {
        id: serial("id").primaryKey(),
        title: text("title").notNull(),
        at: timestamp("at"),
      });
      const groups = renamed(teams, { from: "teams", columns: { title: "name" } });
      return { ...withColumns({ teamId: integer("team_id").references(() => groups.id) }), teams: groups };
    },
    losesDown: ["column groups.at"],
  },
  {
    what: "widen a number",
    to: () => withColumns({ age: bigint("age", { mode: "number" }).default(1) }),
    losesDown: ["users.age"],
  },
  { what: "narrow a number", to: () => withColumns({ score: integer("score") }), loses: ["users.score"] },
  {
    what: "make a number text",
    to: () => withColumns({ age: text("age").default("1") }),
    losesDown: ["users.age"],
  },
  {
    what: "make text a number",
    to: () => withColumns({ name: integer("name") }),
    loses: ["users.name"],
    losesDown: ["users.name"],
  },
  {
    what: "shorten text",
    to: () => withColumns({ name: varchar("name", { length: 10 }).default("nobody") }),
    loses: ["users.name"],
  },
  {
    what: "lengthen text",
    to: () => withColumns({ name: varchar("name", { length: 80 }).default("nobody") }),
    losesDown: ["users.name"],
  },
  { what: "allow null", to: () => withColumns({ email: text("email") }) },
  { what: "forbid null", to: () => withColumns({ age: integer("age").default(1).notNull() }) },
  { what: "set a default", to: () => withColumns({ score: numeric("score").default("0") }) },
  { what: "change a default", to: () => withColumns({ age: integer("age").default(2) }) },
  { what: "drop a default", to: () => withColumns({ age: integer("age") }) },
  {
    what: "add a value of an enumeration",
    to: () => ({ ...withColumns({ mood: longMood("mood").default("good") }), mood: longMood }),
  },
  {
    what: "add a value of an enumeration and make it the default",
    to: () => ({ ...withColumns({ mood: longMood("mood").default("so so") }), mood: longMood }),
  },
  {
    what: "remove a value of an enumeration",
    to: () => ({ ...withColumns({ mood: shortMood("mood").default("good") }), mood: shortMood }),
  },
  {
    what: "move a value of an enumeration",
    to: () => ({ ...withColumns({ mood: otherMood("mood").default("bad") }), mood: otherMood }),
  },
  {
    what: "add an enumeration and a column of it",
    to: () => ({ ...withColumns({ plan: plan("plan").notNull().default("free") }), plan }),
    losesDown: ["column users.plan"],
  },
  {
    what: "drop an enumeration and its column",
    to: () => {
      const { mood: _mood, ...rest } = withColumns({ mood: undefined });
      return rest;
    },
    loses: ["column users.mood"],
  },
  { what: "drop an index and a unique constraint", to: () => withColumns({}, false) },
  {
    what: "change an index, and add one that is unique",
    to: () => {
      const { teams } = base();
      const changed = pgTable(
        "teams",
        { id: serial("id").primaryKey(), name: text("name").notNull() },
        (table) => [uniqueIndex("teams_name").on(table.name.desc())],
      );
      return { ...base(), teams: changed ?? teams };
    },
  },
  { what: "drop a foreign key", to: () => withColumns({ teamId: integer("team_id") }) },
  {
    what: "change what a foreign key does",
    to: () => {
      const { teams, ...rest } = base();
      return {
        ...rest,
        teams,
        ...pick(
          withColumns({ teamId: integer("team_id").references(() => teams.id, { onDelete: "cascade" }) }),
        ),
      };
    },
  },
  {
    what: "add a table with a key of two columns and foreign keys",
    to: () => {
      const all = base();
      const members = pgTable(
        "members",
        {
          userId: integer("user_id").notNull(),
          teamId: integer("team_id").notNull(),
          since: timestamp("since").defaultNow(),
        },
        (table) => [
          primaryKey({ columns: [table.userId, table.teamId] }),
          foreignKey({ columns: [table.userId], foreignColumns: [all.users.id] }),
          foreignKey({ columns: [table.teamId], foreignColumns: [all.teams.id] }).onDelete("cascade"),
        ],
      );
      return { ...all, members };
    },
    losesDown: ["table members"],
  },
  {
    what: "add a unique constraint and a table that points at it",
    to: () => {
      const teams = pgTable("teams", {
        id: serial("id").primaryKey(),
        name: text("name").notNull().unique(),
      });
      const rooms = pgTable("rooms", {
        id: uuid("id").defaultRandom().primaryKey(),
        team: text("team").references(() => teams.name),
        facts: jsonb("facts"),
      });
      return { ...withColumns({ teamId: integer("team_id").references(() => teams.id) }), teams, rooms };
    },
    losesDown: ["table rooms"],
  },
  {
    what: "drop a table that another one points at",
    to: () => {
      const { teams: _teams, ...rest } = withColumns({ teamId: integer("team_id") });
      return rest;
    },
    loses: ["table teams"],
  },
  {
    what: "drop one table and add another",
    to: () => {
      const { teams: _teams, ...rest } = withColumns({ teamId: undefined });
      return { ...rest, clubs: pgTable("clubs", { id: serial("id").primaryKey() }) };
    },
    loses: ["table teams", "column users.team_id"],
    losesDown: ["table clubs"],
  },
];

function pick({ users }: { users: unknown }) {
  return { users };
}

let databases: Databases;
let folder: string;
let clock = 0;

beforeAll(async () => {
  databases = await Databases.start();
  folder = mkdtempSync(join(tmpdir(), "svc-infra-migrations-"));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await databases.stop();
});

async function generate(into: string, tables: Record<string, unknown>) {
  const collected = await collectTables([{ name: "schema", load: async () => tables }]);
  return generateMigrationFiles(into, collected, {
    title: "step",
    now: new Date(Date.UTC(2026, 0, 1, 0, 0, clock++)),
  });
}

/** The migration of the base, made once: it is the same for every change. */
async function startFrom(name: string): Promise<string> {
  const first = join(folder, "base");
  if (!existsSync(first)) await generate(first, base());
  const own = join(folder, name);
  cpSync(first, own, { recursive: true });
  return own;
}

/** What the database says of itself; columns in the order of their names, as one that comes back is the last. */
async function describeDatabase({ db, kind }: SqlDb): Promise<unknown> {
  const queries = [
    `select table_name, column_name, data_type, udt_name, is_nullable, column_default, character_maximum_length,
      numeric_precision, is_identity from information_schema.columns where table_schema = 'public' order by 1, 2`,
    `select tablename, indexname, indexdef from pg_indexes where schemaname = 'public' order by 1, 2`,
    `select conrelid::regclass::text as t, conname, pg_get_constraintdef(oid) as def from pg_constraint
      where connamespace = 'public'::regnamespace and contype <> 'n' order by 1, 2`,
    `select typname, enumlabel from pg_enum join pg_type on pg_type.oid = enumtypid order by 1, enumsortorder`,
    `select sequence_name, data_type from information_schema.sequences where sequence_schema = 'public' order by 1`,
  ];
  const all = queries.map((query) => `(select json_agg(q) from (${query}) q)`);
  const [described] = Object(await db.execute(`select json_build_array(${all.join()}) as facts`)).rows;
  expect(described.facts[0].length, kind).toBeGreaterThan(0);
  return described.facts;
}

/** What a person does who accepts the loss. */
function decide(file: string): void {
  const text = readFileSync(file, "utf8");
  const lines = text.split("\n").filter((line) => !line.startsWith("-- svc-infra:loses"));
  writeFileSync(file, lines.map((line) => line.replace(/^-- (?=ALTER|DROP|\t)/, "")).join("\n"));
}

/** Sees that a step is refused with the name of all that it would lose, and decides for the loss. */
async function refuseThenDecide(losses: readonly string[], file: string, step: () => Promise<unknown>) {
  if (losses.length === 0) return;
  const refusal = String(await step().catch((error: unknown) => error));
  for (const loss of losses) expect(refusal).toContain(loss);
  decide(file);
}

describe.each(kinds)("on %s", (kind) => {
  let sql: SqlDb;

  beforeAll(async () => {
    const url = kind === "embedded" ? "pglite:memory" : await databases.url(kind);
    sql = await easySqlDb({ url, poolSize: 1 }, { env: {} });
  });
  afterAll(() => sql.close());

  it.each(changes)("$what", async ({ to, loses = [], losesDown = [] }) => {
    await sql.withConnection((connection) =>
      connection.run("drop schema public cascade; create schema public"),
    );
    const own = await startFrom(`${kind}-${changes.findIndex((change) => change.to === to)}`);
    await migrate(sql, own);
    const before = await describeDatabase(sql);
    const name = (await generate(own, to()))?.name ?? "";

    await refuseThenDecide(loses, join(own, name, "up.sql"), () => migrate(sql, own));
    await migrate(sql, own);
    const after = await describeDatabase(sql);
    expect(after).not.toEqual(before);
    expect(await generate(own, to())).toBeUndefined();

    await refuseThenDecide(losesDown, join(own, name, "down.sql"), () => rollback(sql, own));
    expect(await describeDatabase(sql)).toEqual(after);
    expect(await rollback(sql, own)).toEqual([name]);
    expect(await describeDatabase(sql)).toEqual(before);
    await migrate(sql, own);
    expect(await describeDatabase(sql)).toEqual(after);
    expect(readdirSync(own)).toHaveLength(2);
  });
});
