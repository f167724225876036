import { generateDrizzleJson, generateMigration } from "drizzle-kit/api";
import type { SqlDb } from "svc-infra/sql";

/** Creates the tables of a schema module in an empty database. */
export async function createTables(sql: SqlDb, schema: Record<string, unknown>): Promise<void> {
  const statements = await generateMigration(generateDrizzleJson({}), generateDrizzleJson(schema));
  await sql.withConnection(async (connection) => {
    for (const statement of statements) await connection.run(statement);
  });
}
