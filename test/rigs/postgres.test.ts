import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type PostgresRig, startPostgres } from "./postgres.js";

let rig: PostgresRig;

beforeAll(async () => {
  rig = await startPostgres();
});
afterAll(() => rig.stop());

async function ask(connectionString: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  const { rows } = await client.query(text);
  await client.end();
  return rows;
}

it("is PostgreSQL 15", async () => {
  const [row] = await ask(rig.url, "show server_version");
  expect(row).toMatchObject({ server_version: expect.stringMatching(/^15\./) });
});

it("makes databases that know nothing of each other", async () => {
  const [one, other] = [await rig.createDatabase(), await rig.createDatabase()];
  await ask(one, "create table t (id int)");
  expect(await ask(other, "select from information_schema.tables where table_name = 't'")).toEqual([]);
});

it("answers on its Unix socket", async () => {
  const socket = `postgresql:///postgres?host=${rig.socketFolder}&port=${rig.port}&user=postgres`;
  expect(await ask(socket, "select 1 as one")).toEqual([{ one: 1 }]);
});

it("answers no more when it was stopped", async () => {
  const own = await startPostgres({ settings: { max_connections: 20 } });
  expect(await ask(own.url, "show max_connections")).toEqual([{ max_connections: "20" }]);
  await own.stop();
  await expect(ask(own.url, "select 1")).rejects.toThrow("ECONNREFUSED");
});
