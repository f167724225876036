export { type EasySqlDbContext, type EasySqlDbOptions, easySqlDb } from "./easy-sql-db.js";
export type { FolderWait } from "./embedded/folder-lock.js";
export { MigrationError } from "./migrations/migration-error.js";
export type { Seed, Seeds } from "./migrations/seed.js";
export { type AddSqlDbOptions, addSqlDb, getSqlDb, type SqlPluginOptions, sqlPlugin } from "./plugin.js";
export type { QueryFacts } from "./query-watch.js";
export { addCrud } from "./routes/add-crud.js";
export type {
  ColumnName,
  CrudAction,
  CrudHookContext,
  CrudHooks,
  CrudOptions,
} from "./routes/crud-options.js";
export { type FormerNames, renamed } from "./schema/renamed.js";
export { type SqlOptions, type SqlSettings, type SslMode, sqlVariables } from "./settings.js";
export type { Database, EmbeddedSql, PoolMetrics, PostgresSql, SqlConnection, SqlDb } from "./sql-db.js";
