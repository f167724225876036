import { randomUUID } from "node:crypto";
import { sql } from "drizzle-orm";
import {
  bigint,
  integer,
  json,
  numeric,
  pgEnum,
  pgSchema,
  pgTable,
  text,
  timestamp,
  uuid,
} from "drizzle-orm/pg-core";
import { type FastifyInstance, fastify, type InjectOptions } from "fastify";
import { addCrud, addSqlDb } from "svc-infra";
import type { CrudOptions } from "svc-infra/sql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Databases, kinds } from "./databases.js";

let clock = 0;
const apart = pgSchema("apart");
const orderStatus = pgEnum("orderStatus", ["open", "closed"]);
const mood = apart.enum("Mood", ["good", "bad"]);
const orders = pgTable("orders", {
  id: uuid("id")
    .primaryKey()
    .$defaultFn(() => randomUUID()),
  title: text("title"),
  status: orderStatus("status").notNull().default("open"),
  mood: mood("mood").notNull().default("good"),
  dueAt: timestamp("due_at", { withTimezone: true }),
  facts: json("facts"),
  price: numeric("price", { mode: "number" }),
  other: uuid("other"),
  rank: integer("rank")
    .notNull()
    .$onUpdate(() => ++clock),
  deletedAt: timestamp("deleted_at", { withTimezone: true }),
});
const counts = pgTable("counts", { id: bigint("id", { mode: "number" }).primaryKey() });
const big = pgTable("big", { id: integer("id").primaryKey(), n: bigint("n", { mode: "bigint" }) });
const create = `
  create schema apart;
  create type "orderStatus" as enum ('open', 'closed');
  create type apart."Mood" as enum ('good', 'bad');
  create table orders (id uuid primary key, title text, status "orderStatus" not null default 'open',
    mood apart."Mood" not null default 'good', due_at timestamptz, facts json, price numeric, other uuid,
    rank int not null, deleted_at timestamptz);
  create table counts (id bigint primary key);
  create table big (id int primary key, n bigint);
  insert into big values (1, 2);
  insert into counts values (1234567890123456), (9007199254740993);`;

const open: CrudOptions<typeof orders> = {
  authorize: "open",
  softDelete: "deletedAt",
  sorts: ["status", "mood"],
  filters: ["other"],
};

let databases: Databases;

beforeAll(async () => {
  databases = await Databases.start();
});
afterAll(() => databases.stop());

const asker =
  (app: FastifyInstance) => async (method: InjectOptions["method"], url: string, payload?: object) => {
    const answer = await app.inject({
      ...(method === undefined ? {} : { method }),
      url,
      ...(payload === undefined ? {} : { payload }),
    });
    return { code: answer.statusCode, body: answer.body === "" ? {} : answer.json() };
  };

describe.each(kinds)("columns of addCrud on %s", (kind) => {
  let app: FastifyInstance;
  let ask: ReturnType<typeof asker>;

  beforeAll(async () => {
    app = fastify();
    await addSqlDb(app, { url: kind === "embedded" ? "pglite:memory" : await databases.url(kind), env: {} });
    await app.sql.withConnection((connection) => connection.run(create));
    await addCrud(app, orders, open);
    await addCrud(app, counts, { authorize: "open" });
    await addCrud(app, big, { authorize: "open", hidden: ["n"] });
    ask = asker(app);
  });
  afterAll(() => app.close());

  it("get a default of code for each row, and a new value for each change and deletion", async () => {
    const rows = [await ask("POST", "/orders", { title: "a" }), await ask("POST", "/orders", { title: "b" })];
    expect(rows.map(({ code }) => code)).toEqual([201, 201]);
    const [first, second] = rows.map(({ body }) => body);
    expect(first.id).not.toBe(second.id);
    expect(first.rank).toBeLessThan(second.rank);
    const patched = [1, 2].map((n) => ask("PATCH", `/orders/${first.id}`, { title: `a${n}` }));
    const ranks = (await Promise.all(patched)).map(({ body }) => body.rank);
    expect(new Set([first.rank, second.rank, ...ranks]).size).toBe(4);
    for (const { id } of [first, second]) expect((await ask("DELETE", `/orders/${id}`)).code).toBe(204);
    const gone = sql`select count(distinct rank)::int as n from orders where deleted_at is not null`;
    expect(Object(await app.db.execute(gone)).rows).toEqual([{ n: 2 }]);
  });

  it("are null where a change says null", async () => {
    const values = { dueAt: "2026-01-01T00:00:00.000Z", facts: { a: 1 }, price: 1.5, title: "x" };
    const { body } = await ask("POST", "/orders", values);
    expect(body).toMatchObject(values);
    const none = { dueAt: null, facts: null, price: null, title: null };
    const patched = await ask("PATCH", `/orders/${body.id}`, none);
    expect([patched.code, patched.body]).toEqual([200, { ...body, ...none, rank: patched.body.rank }]);
    const created = await ask("POST", "/orders", none);
    expect(created).toMatchObject({ code: 201, body: none });
    const nulls = sql`select count(*)::int as n from orders where facts is null and price is null and due_at is null
      and id in (${body.id}, ${created.body.id})`;
    expect(Object(await app.db.execute(nulls)).rows).toEqual([{ n: 2 }]);
  });

  it("take a UUID of any version as a key, as a value and as a filter", async () => {
    const { rows } = Object(await app.db.execute(sql`select md5('2')::uuid::text as id`));
    const [{ id }] = rows;
    await app.db.execute(sql`insert into orders (id, rank) values (${id}, 0)`);
    expect(await ask("GET", `/orders/${id}`)).toMatchObject({ code: 200, body: { id } });
    expect(await ask("POST", "/orders", { other: id })).toMatchObject({ code: 201, body: { other: id } });
    expect((await ask("GET", `/orders?other=${id}`)).body.items).toHaveLength(1);
    expect((await ask("GET", "/orders?other=1")).code).toBe(400);
  });

  it.each(["status", "-mood"])(
    "sort by an enumeration with a capital, here or in another schema: %s",
    async (sort) => {
      for (const state of ["open", "closed"]) await ask("POST", "/orders", { status: state, mood: "bad" });
      const all = await ask("GET", `/orders?sort=${sort}`);
      const page = await ask("GET", `/orders?sort=${sort}&limit=2`);
      const next = await ask("GET", `/orders?sort=${sort}&cursor=${page.body.nextCursor}`);
      expect([...page.body.items, ...next.body.items]).toEqual(all.body.items);
    },
  );

  it("are found by numbers of 16 digits, and not by one that would be rounded to another", async () => {
    expect(await ask("GET", "/counts/1234567890123456")).toMatchObject({ code: 200 });
    expect((await ask("GET", "/counts/9007199254740993")).code).toBe(404);
  });

  it("of mode bigint are refused before a row is written, unless they are hidden", async () => {
    await expect(addCrud(app, big, { authorize: "open" })).rejects.toThrow(
      "column 'n' of big is a bigint, which JSON has not; give it mode: \"number\", or hide it",
    );
    expect(await ask("GET", "/big/1")).toMatchObject({ code: 200, body: { id: 1 } });
  });
});

describe("errors of the application's own functions", () => {
  it.each([
    [
      "an answer of its own with a query as its cause",
      () => {
        const cause = Object.assign(new Error("duplicate"), { code: "23505" });
        return Object.assign(new Error("taken", { cause }), { statusCode: 422, code: "taken" });
      },
      422,
    ],
    ["a code that the database has, too", refused, 500],
    ["a server of its own that is away", () => new TypeError("fetch failed", { cause: refused() }), 500],
  ])("are the answer: %s", async (_, fail, expected) => {
    const app = fastify();
    await addSqlDb(app, { url: await databases.url("postgres"), env: {} });
    await app.sql.withConnection((connection) => connection.run(create));
    const thrower = () => {
      throw fail();
    };
    await addCrud(app, orders, { ...open, prefix: "/hook", hooks: { beforeCreate: thrower } });
    await addCrud(app, orders, { ...open, prefix: "/authorize", authorize: thrower });
    await addCrud(app, orders, { ...open, prefix: "/tenant", tenant: { column: "title", of: thrower } });
    const ask = asker(app);
    for (const prefix of ["/hook", "/authorize", "/tenant"]) {
      expect((await ask("POST", prefix, {})).code, prefix).toBe(expected);
    }
    await app.close();
  });

  it("of authorize are never the database's", async () => {
    const app = fastify();
    await addSqlDb(app, { url: await databases.url("postgres"), env: {} });
    await addCrud(app, orders, {
      ...open,
      authorize: () => {
        throw refused();
      },
    });
    expect((await asker(app)("GET", "/orders")).code).toBe(500);
    await app.close();
  });
});

function refused(): Error {
  return Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
}
