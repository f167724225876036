import type { PgTable } from "drizzle-orm/pg-core";
import { type AnyApp, fastifyOf } from "../../http/index.js";
import { checkGivenOptions, loadPeer, type OptionRules } from "../../kernel/index.js";
import type { CrudOptions } from "./crud-options.js";

const rules: OptionRules<CrudOptions<PgTable>> = {
  call: "addCrud",
  kinds: {
    authorize: "string|function",
    prefix: "string",
    tenant: "object",
    softDelete: "string",
    filters: "array",
    sorts: "array",
    readOnly: "array",
    hidden: "array",
    requireIfMatch: "boolean",
    pageSize: "number",
    maxPageSize: "number",
    maxBodyBytes: "number",
    hooks: "object",
  },
  needed: ["authorize"],
};

/**
 * Serves the rows of a table: `GET` a page of them, `GET` one, `POST`, `PATCH`, `DELETE`. Fields and parameters that
 * are not declared are refused, rows of other tenants are not there, and each row has an entity tag.
 *
 * @throws ConfigurationError when the options do not fit the table, or `addSqlDb` was not called.
 * @example
 * ```ts
 * await addCrud(app, notes, {
 *   authorize: async (request) => (await getCurrentUser(request)) !== undefined,
 *   tenant: { column: "orgId", of: (request) => getTenancy(request).tenantOf(request) },
 *   filters: ["status"],
 *   sorts: ["createdAt"],
 * });
 * ```
 */
export async function addCrud<T extends PgTable>(
  app: AnyApp,
  table: T,
  options: CrudOptions<T>,
): Promise<void> {
  checkGivenOptions(options, rules);
  await loadPeer("drizzle-zod", "addCrud", () => import("drizzle-zod"));
  const { crudRoutes } = await import("./crud-routes.js");
  await crudRoutes(fastifyOf(app), table, options);
}
