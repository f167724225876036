import { afterAll, expect, it, onTestFinished } from "vitest";
import { Project } from "../sql/project.js";

const project = new Project("pglite:./data");
afterAll(() => project.remove());

const schema = `import { pgTable, text } from "drizzle-orm/pg-core";
export const notes = pgTable("notes", { id: text().primaryKey() });`;

/** What a command told; standard output has nothing else. */
async function told(...args: readonly string[]): Promise<readonly [number | null, unknown]> {
  const { code, out, err } = await project.db(...args, "--json");
  if (out === "") throw new Error(err);
  return [code, JSON.parse(out)];
}

it("every command of db prints one JSON object with --json, and nothing beside it", async () => {
  project.write("schema.js", schema);
  project.write(
    "seeds.js",
    "export const seeds = { first: (db) => db.execute(`insert into notes values (1)`) };",
  );
  const modules = expect.arrayContaining([{ module: "schema.js", tables: ["notes"], skipped: [] }]);
  const missing = expect.arrayContaining([expect.stringMatching(/^CREATE TABLE "notes"/)]);
  expect(await told("check")).toMatchObject([1, { agrees: false, missing, undecided: [], modules }]);
  const generated = await told("generate");
  const [name = ""] = project.migrations();
  expect(generated).toMatchObject([0, { migration: name, losses: [], modules }]);
  expect(await told("generate")).toMatchObject([0, { migration: null, losses: [] }]);
  expect(await told("check")).toMatchObject([0, { agrees: true, missing: [] }]);
  expect(await told("wait")).toMatchObject([
    0,
    { database: expect.stringContaining("data"), waitedMs: expect.any(Number) },
  ]);
  expect(await told("migrate")).toEqual([0, { applied: [name] }]);
  expect(await told("seed")).toEqual([0, { ran: ["first"] }]);
  const down = `migrations/${name}/down.sql`;
  project.write(down, "drop table notes; drop table svc_infra_outbox;");
  expect(await told("rollback")).toEqual([0, { undone: [name] }]);
}, 120_000);

it.each(["migrate", "rollback", "seed", "status"])(
  "%s refuses a database that ends with it",
  async (command) => {
    for (const url of ["", "pglite:memory"]) {
      const other = new Project(url);
      onTestFinished(() => other.remove());
      other.write("seeds.js", "export const seeds = { first: async () => undefined };");
      const { code, out, err } = await other.db(command);
      expect([code, out, err]).toEqual([
        1,
        "",
        expect.stringMatching(/^the database is in memory .* set SQL_URL/),
      ]);
    }
  },
);
