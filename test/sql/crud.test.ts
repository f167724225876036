import { sql } from "drizzle-orm";
import { boolean, integer, pgEnum, pgTable, text, timestamp, uuid, varchar } from "drizzle-orm/pg-core";
import { type FastifyInstance, fastify, type InjectOptions } from "fastify";
import { addCrud, addSqlDb } from "svc-infra";
import type { CrudOptions } from "svc-infra/sql";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Databases, kinds } from "./databases.js";

const status = pgEnum("status", ["open", "closed"]);
const projects = pgTable("projects", { id: integer("id").primaryKey(), orgId: text("org_id").notNull() });
const notes = pgTable("notes", {
  id: uuid("id").primaryKey().defaultRandom(),
  orgId: text("org_id").notNull(),
  title: varchar("title", { length: 20 }).notNull(),
  status: status("status").notNull().default("open"),
  rank: integer("rank"),
  pinned: boolean("pinned").notNull().default(false),
  secret: text("secret").default("hidden"),
  projectId: integer("project_id").references(() => projects.id),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
  deletedAt: timestamp("deleted_at", { withTimezone: true }),
});
const create = `
  create type status as enum ('open', 'closed');
  create table projects (id int primary key, org_id text not null);
  create table notes (id uuid primary key default gen_random_uuid(), org_id text not null, title varchar(20) not null,
    status status not null default 'open', rank int, pinned boolean not null default false, secret text default 'hidden',
    project_id int references projects (id), created_at timestamptz not null default clock_timestamp(), deleted_at timestamptz,
    constraint rank_is_small check (rank < 1000), unique (org_id, title));
  insert into projects values (1, 'a'), (2, 'b');`;

const usual: CrudOptions<typeof notes> = {
  authorize: (request) => request.headers["x-org"] !== undefined,
  tenant: { column: "orgId", of: (request) => request.headers["x-org"] },
  softDelete: "deletedAt",
  filters: ["status", "rank", "pinned", "createdAt"],
  sorts: ["createdAt", "title"],
  readOnly: ["createdAt"],
  hidden: ["secret"],
};

let databases: Databases;

beforeAll(async () => {
  databases = await Databases.start();
});
afterAll(() => databases.stop());

describe.each(kinds)("addCrud on %s", (kind) => {
  let app: FastifyInstance;

  async function start(options: Partial<CrudOptions<typeof notes>> = {}) {
    app = fastify();
    await addSqlDb(app, { url: kind === "embedded" ? "pglite:memory" : await databases.url(kind), env: {} });
    await app.sql.withConnection((connection) => connection.run(create));
    await addCrud(app, notes, { ...usual, ...options });
  }
  afterEach(() => app.close());

  const as = (org: string, method: InjectOptions["method"], url: string, payload?: object, headers = {}) =>
    app.inject({
      ...(method === undefined ? {} : { method }),
      url,
      headers: { "x-org": org, ...headers },
      ...(payload === undefined ? {} : { payload }),
    });
  const add = async (org: string, values: object) => (await as(org, "POST", "/notes", values)).json();

  it("creates, reads, changes and deletes a row", async () => {
    await start();
    const created = await as("a", "POST", "/notes", { title: "one", rank: 3 });
    expect(created.statusCode).toBe(201);
    const row = created.json();
    expect(row).toMatchObject({ title: "one", rank: 3, status: "open", orgId: "a", deletedAt: null });
    expect(row).not.toHaveProperty("secret");
    const url = String(created.headers.location);
    expect(url).toBe(`/notes/${row.id}`);

    const read = await as("a", "GET", url);
    expect([read.statusCode, read.json(), read.headers.etag]).toEqual([200, row, created.headers.etag]);
    const changed = await as("a", "PATCH", url, { status: "closed", rank: null });
    expect([changed.statusCode, changed.json()]).toEqual([200, { ...row, status: "closed", rank: null }]);
    expect((await as("a", "DELETE", url)).statusCode).toBe(204);
    for (const method of ["GET", "DELETE"] as const)
      expect((await as("a", method, url)).statusCode).toBe(404);
    expect((await as("a", "PATCH", url, { rank: 1 })).statusCode).toBe(404);
    expect((await as("a", "GET", "/notes")).json()).toEqual({ items: [], nextCursor: null });
    const { rows } = Object(
      await app.db.execute(sql`select count(*)::int as n from notes where deleted_at is not null`),
    );
    expect(rows).toEqual([{ n: 1 }]);
  });

  it("lists page by page in any declared order, each row once, also when rows differ by microseconds", async () => {
    await start();
    await app.db.execute(sql`insert into notes (org_id, title, created_at)
      select 'a', 'n' || i, timestamptz '2026-01-01 00:00:00.123' + i / 3 * interval '1 microsecond' from generate_series(1, 23) i`);
    for (const sort of ["createdAt", "-createdAt", "title", "-title", "id"]) {
      const seen: string[] = [];
      let cursor: string | null = "";
      while (cursor !== null) {
        const page: { items: { title: string }[]; nextCursor: string | null } = (
          await as("a", "GET", `/notes?limit=5&sort=${sort}${cursor === "" ? "" : `&cursor=${cursor}`}`)
        ).json();
        seen.push(...page.items.map(({ title }) => title));
        cursor = page.nextCursor;
        expect(seen.length).toBeLessThan(30);
      }
      expect(new Set(seen).size, sort).toBe(23);
      expect(seen).toHaveLength(23);
    }
  });

  it("narrows a list by declared columns, and reads their values by type", async () => {
    await start();
    await add("a", { title: "one", rank: 3, pinned: true });
    await add("a", { title: "two", rank: -4, status: "closed" });
    const titles = async (query: string) =>
      (await as("a", "GET", `/notes?${query}`)).json().items.map(({ title }: { title: string }) => title);
    expect(await titles("status=closed")).toEqual(["two"]);
    expect(await titles("rank=-4")).toEqual(["two"]);
    expect(await titles("pinned=true&rank=3")).toEqual(["one"]);
    for (const query of [
      "rank=1%20or%201=1",
      "pinned=yes",
      "status=gone",
      "createdAt=yesterday",
      "rank=1&rank=2",
    ]) {
      expect((await as("a", "GET", `/notes?${query}`)).statusCode, query).toBe(400);
    }
  });

  it("refuses what is not declared: fields, parameters, orders, limits, cursors and ids", async () => {
    await start();
    await add("a", { title: "one" });
    const bodies = [
      { title: "x", orgId: "b" },
      { title: "x", id: "00000000-0000-4000-8000-000000000000" },
      { title: "x", createdAt: "2026-01-01T00:00:00Z" },
      { title: "x", deletedAt: null },
      { title: "x", isAdmin: true },
      { title: "x", secret: "mine" },
      { title: "x".repeat(21) },
      { title: null },
      { rank: 1 },
      { title: "x", rank: 1.5 },
      [],
    ];
    for (const body of bodies) {
      const answer = await as("a", "POST", "/notes", body);
      expect([answer.statusCode, answer.json().code], JSON.stringify(body)).toEqual([400, "bad_request"]);
      expect(answer.headers["content-type"]).toBe("application/problem+json");
    }
    const forged = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const queries = [
      "secret=hidden",
      "orgId=b",
      "sort=secret",
      "sort=rank",
      "sort=id;drop table notes",
      "sort=(select 1)",
      "limit=-1",
      "limit=0",
      "limit=1e3",
      "limit=101",
      "cursor=rubbish",
      `cursor=${forged([1, "title", "a", "b"])}`,
      `cursor=${forged([1, "id", "' or true --", "' or true --"])}`,
      `cursor=${forged({ orgId: "b" })}`,
    ];
    for (const query of queries) {
      expect((await as("a", "GET", `/notes?${encodeURI(query)}`)).statusCode, query).toBe(400);
    }
    for (const id of ["1", "x' or '1'='1", "%00", "../notes"]) {
      expect((await as("a", "GET", `/notes/${encodeURIComponent(id)}`)).statusCode, id).toBe(404);
    }
    expect((await as("a", "PATCH", `/notes/${(await add("a", { title: "p" })).id}`, {})).statusCode).toBe(
      400,
    );
    expect((await as("a", "PUT", "/notes", {})).statusCode).toBe(405);
  });

  it("another tenant's rows are not there: to read, list, change, delete or point at", async () => {
    await start();
    const row = await add("a", { title: "mine", projectId: 1 });
    expect(row.projectId).toBe(1);
    for (const [method, body] of [
      ["GET", undefined],
      ["PATCH", { title: "yours" }],
      ["DELETE", undefined],
    ] as const) {
      expect((await as("b", method, `/notes/${row.id}`, body)).statusCode, method).toBe(404);
    }
    expect((await as("b", "GET", "/notes?status=open")).json().items).toEqual([]);
    const cursor = Buffer.from(
      JSON.stringify([
        1,
        "id",
        "00000000-0000-0000-0000-000000000000",
        "00000000-0000-0000-0000-000000000000",
      ]),
    );
    expect((await as("b", "GET", `/notes?cursor=${cursor.toString("base64url")}`)).json().items).toEqual([]);
    const pointing = await as("a", "POST", "/notes", { title: "theirs", projectId: 2 });
    expect([pointing.statusCode, pointing.json().detail]).toEqual([400, "projectId: there is no such row"]);
    expect((await as("a", "PATCH", `/notes/${row.id}`, { projectId: 2 })).statusCode).toBe(400);
    expect((await app.inject("/notes")).statusCode).toBe(403);
    expect((await as("a", "GET", `/notes/${row.id}`)).json()).toEqual(row);
  });

  it("answers a conflict, and a broken rule, without the values of other rows", async () => {
    await start();
    await add("a", { title: "one" });
    const twice = await as("a", "POST", "/notes", { title: "one" });
    expect([twice.statusCode, twice.json().code]).toEqual([409, "conflict"]);
    expect((await as("a", "POST", "/notes", { title: "two", rank: 5000 })).statusCode).toBe(400);
  });

  it("a change can demand If-Match, and of two that saw the same row one wins", async () => {
    await start({ requireIfMatch: true });
    const created = await as("a", "POST", "/notes", { title: "one" });
    const url = String(created.headers.location);
    expect((await as("a", "PATCH", url, { rank: 1 })).statusCode).toBe(428);
    expect((await as("a", "DELETE", url)).statusCode).toBe(428);
    const other = { "if-none-match": '"x"' };
    expect((await as("a", "PATCH", url, { rank: 1 }, other)).statusCode).toBe(428);
    expect((await as("a", "DELETE", url, undefined, other)).statusCode).toBe(428);
    const match = { "if-match": String(created.headers.etag) };
    const answers = await Promise.all([1, 2].map((rank) => as("a", "PATCH", url, { rank }, match)));
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 412]);
    const won = answers.find(({ statusCode }) => statusCode === 200);
    expect((await as("a", "DELETE", url, undefined, match)).statusCode).toBe(412);
    expect(
      (await as("a", "DELETE", url, undefined, { "if-match": String(won?.headers.etag) })).statusCode,
    ).toBe(204);
  });

  it("a change whose If-None-Match names the row as it is fails, and one that names another goes on", async () => {
    await start({});
    const created = await as("a", "POST", "/notes", { title: "one" });
    const url = String(created.headers.location);
    const same = { "if-none-match": String(created.headers.etag) };
    expect((await as("a", "PATCH", url, { rank: 1 }, same)).statusCode).toBe(412);
    expect((await as("a", "DELETE", url, undefined, { "if-none-match": "*" })).statusCode).toBe(412);
    const other = { "if-none-match": '"x"' };
    expect((await as("a", "PATCH", url, { rank: 1 }, other)).statusCode).toBe(200);
    expect((await as("a", "DELETE", url, undefined, other)).statusCode).toBe(204);
  });

  it("hooks run in the transaction of the change: one that throws undoes it", async () => {
    await start({
      hooks: {
        beforeCreate: async (values) => ({ ...values, secret: "set", orgId: "b" }),
        afterCreate: async (row, { db }) => {
          await db.execute(sql`insert into projects values (${row.title.length + 100}, 'made')`);
          if (row.title === "bad")
            throw Object.assign(new Error("not this one"), { statusCode: 422, code: "bad_title" });
        },
        beforePatch: async (values) => ({ ...values, orgId: "b" }),
      },
    });
    const made = await add("a", { title: "good" });
    expect(made.orgId).toBe("a");
    expect((await as("a", "PATCH", `/notes/${made.id}`, { rank: 1 })).json().orgId).toBe("a");
    const refused = await as("a", "POST", "/notes", { title: "bad" });
    expect([refused.statusCode, refused.json().code]).toEqual([422, "bad_title"]);
    const { rows } = Object(await app.db.execute(sql`select id from projects where org_id = 'made'`));
    expect(rows).toEqual([{ id: 104 }]);
    expect((await as("a", "GET", "/notes")).json().items).toHaveLength(1);
  });
});

describe("addCrud", () => {
  it("says what does not fit: no database, no such column, a sort that may be null, a hidden filter", async () => {
    const app = fastify();
    await expect(addCrud(app, notes, usual)).rejects.toThrow("call 'await addSqlDb(app)' first");
    await addSqlDb(app, { url: await databases.url("postgres"), env: {} });
    const wrong = (options: object) => addCrud(app, notes, { ...usual, ...options });
    await expect(wrong({ filters: ["nothing"] })).rejects.toThrow(
      "addCrud option 'filters': there is no column 'nothing' of notes",
    );
    await expect(wrong({ sorts: ["rank"] })).rejects.toThrow("may be null");
    await expect(wrong({ filters: ["secret"] })).rejects.toThrow("would be told by a filter");
    await app.close();
  });

  it("answers 503 with Retry-After while the database is away", async () => {
    const app = fastify();
    const { startPostgres } = await import("../rigs/postgres.js");
    const rig = await startPostgres();
    await addSqlDb(app, { url: rig.url, env: {} });
    await app.sql.withConnection((connection) => connection.run(create));
    await addCrud(app, notes, usual);
    await rig.stop();
    const answer = await app.inject({ url: "/notes", headers: { "x-org": "a" } });
    expect([answer.statusCode, answer.json().code]).toEqual([503, "unavailable"]);
    expect(answer.headers["retry-after"]).toBe("1");
    await app.close();
  });

  it("is in OpenAPI documents with its rows, and stands below the prefix of its scope", async () => {
    const app = fastify();
    const { default: swagger } = await import("@fastify/swagger");
    await app.register(swagger, { openapi: { info: { title: "t", version: "1" } } });
    await addSqlDb(app, { url: await databases.url("postgres"), env: {} });
    await app.sql.withConnection((connection) => connection.run(create));
    await app.register((scope) => addCrud(scope, notes, { ...usual, prefix: "/my-notes" }), {
      prefix: "/v1",
    });
    await app.ready();
    const { paths = {} } = app.swagger() as { paths?: Record<string, Record<string, unknown>> };
    const own = Object.keys(paths).filter((path) => path.startsWith("/v1"));
    expect(own).toEqual(["/v1/my-notes", "/v1/my-notes/{id}"]);
    expect(Object.keys(paths["/v1/my-notes/{id}"] ?? {}).sort()).toEqual(["delete", "get", "head", "patch"]);
    expect(JSON.stringify(paths["/v1/my-notes"])).toContain('"enum":["open","closed"]');
    expect(JSON.stringify(paths)).not.toContain('"secret":{');
    expect((await app.inject({ url: "/v1/my-notes", headers: { "x-org": "a" } })).statusCode).toBe(200);
    await app.close();
  });
});
