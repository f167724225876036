import { z } from "zod";
import { text, variable } from "../../kernel/index.js";

const list = z.union([
  z.array(z.string().min(1)).readonly(),
  z.string().transform((value) =>
    value
      .split(",")
      .map((each) => each.trim())
      .filter((each) => each !== ""),
  ),
]);

/** Settings of migrations. */
export const migrationVariables = {
  autoMigrate: variable({
    name: "SQL_AUTO_MIGRATE",
    type: z.union([z.boolean(), z.stringbool()]),
    expected: "true or false",
    help: "Whether `addSqlDb` applies migrations at start.",
    defaultText: "true, and in production false",
  }),
  migrationsDir: variable({
    name: "SQL_MIGRATIONS_DIR",
    type: text,
    expected: "a path",
    help: "Folder of the migrations.",
    default: "migrations",
  }),
};

/** Settings of the commands that read the application's modules. */
export const schemaVariables = {
  schema: variable({
    name: "SQL_SCHEMA",
    type: list,
    expected: "paths separated by commas",
    help: "Modules whose exports are the application's tables, or folders of them.",
    defaultText: "the first there is of src/schema.ts, src/schema, schema.ts, schema.js, dist/schema.js",
  }),
  seeds: variable({
    name: "SQL_SEEDS",
    type: text,
    expected: "a path",
    help: "Module whose `seeds` fill the database with first rows.",
    defaultText: "the first there is of src/seeds.ts, seeds.ts, seeds.js, dist/seeds.js",
  }),
};
