import { migrationVariables, schemaVariables } from "../../sql/migrations/settings.js";
import { sqlVariables } from "../../sql/settings.js";
import { type Helper, optionsOf } from "../helper.js";

export const sql: Helper = {
  name: "sql",
  variables: [sqlVariables, migrationVariables, schemaVariables],
  enabledBy: ["SQL_URL", "DATABASE_URL", "DB_HOST"],
  add: async (app, { env, options }) => {
    const { addSqlDb } = await import("../../sql/index.js");
    const { address } = await addSqlDb(app, { env, ...optionsOf(options.sql) });
    return address;
  },
};
