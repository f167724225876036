import { sql } from "drizzle-orm";
import { boolean, integer, jsonb, pgTable, serial, text, timestamp } from "drizzle-orm/pg-core";
import { type FastifyInstance, fastify, type InjectOptions } from "fastify";
import { addCrud, addSqlDb } from "svc-infra";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Databases, kinds } from "./databases.js";

const projects = pgTable("projects", { id: integer("id").primaryKey(), orgId: text("org_id").notNull() });
const notes = pgTable("notes", {
  id: serial("id").primaryKey(),
  orgId: text("org_id").notNull(),
  title: text("title").notNull(),
  isAdmin: boolean("is_admin").notNull().default(false),
  secret: text("secret").notNull().default("hidden"),
  extra: jsonb("extra"),
  projectId: integer("project_id").references(() => projects.id),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
  deletedAt: timestamp("deleted_at", { withTimezone: true }),
});
const create = `
  create table projects (id int primary key, org_id text not null);
  create table notes (id serial primary key, org_id text not null, title text not null, is_admin boolean not null default false,
    secret text not null default 'hidden', extra jsonb, project_id int references projects (id),
    created_at timestamptz not null default now(), deleted_at timestamptz);
  insert into projects values (1, 'a'), (2, 'b');
  insert into notes (id, org_id, title, project_id) values (1, 'a', 'own', 1), (2, 'b', 'foreign', 2);
  insert into notes (id, org_id, title, deleted_at) values (3, 'a', 'gone', now());`;

let databases: Databases;
beforeAll(async () => {
  databases = await Databases.start();
});
afterAll(() => databases.stop());

describe.each(kinds)("what tenant a cannot do on %s:", (kind) => {
  let app: FastifyInstance;
  let before: unknown;

  beforeAll(async () => {
    app = fastify();
    await addSqlDb(app, { url: kind === "embedded" ? "pglite:memory" : await databases.url(kind), env: {} });
    await app.sql.withConnection((connection) => connection.run(create));
    await addCrud(app, notes, {
      authorize: () => true,
      tenant: { column: "orgId", of: ({ headers }) => headers["x-org"] },
      softDelete: "deletedAt",
      filters: ["title", "projectId", "createdAt"],
      sorts: ["createdAt", "title"],
      readOnly: ["createdAt", "isAdmin"],
      hidden: ["secret"],
    });
    before = await everything();
  });
  afterAll(() => app.close());

  const everything = async () => Object(await app.db.execute(sql`select * from notes order by id`)).rows;
  const ask = (method: InjectOptions["method"], url: string, payload?: object | string) =>
    app.inject({
      ...(method === undefined ? {} : { method }),
      url: `/notes${url}`,
      headers: { "x-org": "a", "content-type": "application/json" },
      ...(payload === undefined ? {} : { payload }),
    });

  it.each([
    ["the tenant", { orgId: "b" }],
    ["the column's name of the tenant", { org_id: "b" }],
    ["the key", { id: 9 }],
    ["a column that is only read", { isAdmin: true }],
    ["a hidden column", { secret: "known" }],
    ["the time of creation", { createdAt: "2026-01-01T00:00:00Z" }],
    ["the mark of a deletion", { deletedAt: null }],
    ["a field that is no column", { role: "admin" }],
    ["an expression in place of a value", { title: { sql: "(select secret from notes)" } }],
    ["another tenant's project", { projectId: 2 }],
  ])("write %s by a change", async (_, values) => {
    const answer = await ask("PATCH", "/1", { ...values });
    expect([answer.statusCode, answer.json().code]).toEqual([400, "bad_request"]);
    expect(await everything()).toEqual(before);
  });

  it.each([
    '{"id":9,"title":"x"}',
    '{"title":"x","__proto__":{"orgId":"b"}}',
    '{"title":"x","constructor":{"prototype":{"orgId":"b"}}}',
    '{"title":"x","orgId":"b"}',
    '{"title":"x","projectId":2}',
    '[{"title":"x"}]',
    '{"title":"x"',
  ])("create a row by %s", async (text) => {
    const answer = await ask("POST", "", text);
    expect(answer.statusCode).toBe(400);
    expect(await everything()).toEqual(before);
  });

  const forged = (value: unknown) => `cursor=${Buffer.from(JSON.stringify(value)).toString("base64url")}`;
  it.each([
    "orgId=b",
    "secret=hidden",
    "deletedAt=",
    "title=x&title=y",
    "title[$ne]=x",
    "title[]=x",
    "projectId[gt]=0",
    "projectId=1;select 1",
    "projectId=1e1",
    "__proto__[orgId]=b",
    "sort=secret",
    "sort=orgId",
    "sort=title desc nulls last",
    'sort=title"; drop table notes --',
    "sort=title,secret",
    "sort=__proto__",
    "sort=--title",
    "limit=-1",
    "limit=0",
    "limit=1.5",
    "limit=0x10",
    "limit=99999999999999999999",
    "limit=NaN",
    "limit=5&limit=5",
    forged([1, "id", "1 or 1=1", "1"]),
    `sort=createdAt&${forged([1, "createdAt", "now(); drop table notes", "1"])}`,
    `sort=createdAt&${forged([1, "createdAt", "2026-01-01", "x"])}`,
    forged([1, "secret", "a", "1"]),
    forged([2, "id", "1", "1"]),
    forged([1, "id", 1, 1]),
    forged({ __proto__: null, sort: "id" }),
  ])("list by %s", async (query) => {
    const answer = await ask("GET", `?${encodeURI(query)}`);
    expect([answer.statusCode, answer.json().code]).toEqual([400, "bad_request"]);
    expect(answer.body).not.toMatch(/select|syntax|relation|22P02|22007/i);
    expect(await everything()).toEqual(before);
  });

  it.each(["title=foreign", "projectId=2", "createdAt=2000-01-01T00:00:00Z", forged([1, "id", "1", "1"])])(
    "find another tenant's or a deleted row by %s",
    async (query) => {
      const answer = await ask("GET", `?${query}`);
      expect([answer.statusCode, answer.json().items]).toEqual([200, []]);
    },
  );

  it.each(["/2", "/3", "/2%20or%201=1", "/%27%20or%20%27%27=%27", "/9999999999999999999", "/1.0", "/-0"])(
    "reach a row by %s",
    async (path) => {
      for (const [method, body] of [["GET"], ["PATCH", { title: "taken" }], ["DELETE"]] as const) {
        expect((await ask(method, path, body)).statusCode, method).toBe(404);
      }
      expect(await everything()).toEqual(before);
    },
  );
});
