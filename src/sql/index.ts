export { type EasySqlDbContext, easySqlDb } from "./easy-sql-db.js";
export { type AddSqlDbOptions, addSqlDb, getSqlDb, sqlPlugin } from "./plugin.js";
export { type SqlOptions, type SqlSettings, type SslMode, sqlVariables } from "./settings.js";
export type { Database, EmbeddedSql, PoolMetrics, PostgresSql, SqlConnection, SqlDb } from "./sql-db.js";
