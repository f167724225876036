import type { PgTable } from "drizzle-orm/pg-core";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import {
  badRequest,
  forbidden,
  formatEntityTag,
  HttpError,
  mountRoutes,
  problemHandler,
  queryOf,
  type Route,
  route,
} from "../../http/index.js";
import { Changes, type RowHooks } from "../crud/changes.js";
import { type RowSchemas, rowSchemas } from "../crud/row-schemas.js";
import { type PreparedStatements, type Row, RowStore } from "../crud/row-store.js";
import { rowTag } from "../crud/row-tag.js";
import { answering } from "../crud/sql-failure.js";
import { shapeOf, type TableShape } from "../crud/table-shape.js";
import { getSqlDb } from "../plugin.js";
import type { CrudAction, CrudOptions } from "./crud-options.js";

/** The routes of `addCrud`, in a scope of their own. */
export async function crudRoutes<T extends PgTable>(
  app: FastifyInstance,
  table: T,
  options: CrudOptions<T>,
): Promise<void> {
  const { tenant, filters, sorts, softDelete, readOnly, hidden, maxPageSize = 100 } = options;
  const shape = shapeOf(table, { tenant: tenant?.column, softDelete, filters, sorts, readOnly, hidden });
  const { prefix = `/${shape.name}`, pageSize = Math.min(20, maxPageSize), requireIfMatch = false } = options;
  const { maxBodyBytes = 2 ** 20, authorize, hooks } = options;
  const crud = new Crud(shape, rowSchemas(shape, maxPageSize), {
    pageSize,
    requireIfMatch,
    tenantOf: tenant?.of,
    // The types of the hooks are those of the table; from here on rows have none.
    hooks: hooks as unknown as RowHooks | undefined,
  });
  getSqlDb(app);
  await app.register(
    async (scope) => {
      scope.setErrorHandler(problemHandler(true));
      mountRoutes(scope, crud.routes(), {
        tag: shape.name,
        maxBodyBytes,
        authorize: async (request, action) => {
          if (authorize === "open") return;
          if ((await authorize(request, action as CrudAction)) === false)
            throw forbidden("this is not allowed");
        },
      });
    },
    { prefix },
  );
}

interface CrudContext {
  readonly pageSize: number;
  readonly requireIfMatch: boolean;
  readonly tenantOf: ((request: FastifyRequest) => unknown) | undefined;
  readonly hooks: RowHooks | undefined;
}

class Crud {
  readonly #shape: TableShape;
  readonly #schemas: RowSchemas;
  readonly #context: CrudContext;
  readonly #parameters: ReadonlySet<string>;
  readonly #changes: Changes;
  readonly #statements: PreparedStatements = new Map();

  constructor(shape: TableShape, schemas: RowSchemas, context: CrudContext) {
    this.#shape = shape;
    this.#schemas = schemas;
    this.#context = context;
    this.#parameters = new Set(Object.keys(schemas.query.shape));
    this.#changes = new Changes(shape, context.hooks, context.requireIfMatch);
  }

  routes(): Route[] {
    const { name } = this.#shape;
    const { row, page, query, create, patch } = this.#schemas;
    return [
      route({
        method: "GET",
        path: "",
        summary: `A page of ${name}`,
        permission: "list",
        query,
        answers: { 200: page },
        handle: ({ request, query: asked }) => this.#list(request, asked),
      }),
      route({
        method: "POST",
        path: "",
        summary: `Add one of ${name}`,
        permission: "create",
        body: create,
        answers: { 201: row },
        handle: ({ request, reply, body }) => this.#create(request, reply, body),
      }),
      route({
        method: "GET",
        path: "/:id",
        summary: `One of ${name}`,
        permission: "get",
        answers: { 200: row },
        handle: ({ request, reply }) => this.#get(request, reply),
      }),
      route({
        method: "PATCH",
        path: "/:id",
        summary: `Change one of ${name}`,
        permission: "patch",
        body: patch,
        answers: { 200: row },
        handle: async ({ request, reply, body }) => {
          const store = await this.#store(request);
          const changed = await answering(this.#changes.patch(store, this.#idOf(request), body, request));
          return this.#answer(reply, changed);
        },
      }),
      route({
        method: "DELETE",
        path: "/:id",
        summary: `Delete one of ${name}`,
        permission: "delete",
        answers: { 204: z.undefined() },
        handle: async ({ request, reply }) => {
          const store = await this.#store(request);
          await answering(this.#changes.delete(store, this.#idOf(request), request));
          return reply.code(204).send();
        },
      }),
    ];
  }

  async #list(request: FastifyRequest, asked: Row) {
    const unknown = [...new URLSearchParams(queryOf(request)).keys()].find(
      (each) => !this.#parameters.has(each),
    );
    if (unknown !== undefined) throw badRequest(`there is no parameter '${unknown.slice(0, 100)}'`);
    const { limit, sort, cursor, ...filters } = asked;
    const store = await this.#store(request);
    const page = store.list({
      filters: Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== undefined)),
      limit: typeof limit === "number" ? limit : this.#context.pageSize,
      sort: typeof sort === "string" ? sort : this.#shape.key,
      cursor: typeof cursor === "string" ? cursor : undefined,
    });
    return answering(page);
  }

  async #create(request: FastifyRequest, reply: FastifyReply, values: Row) {
    const store = await this.#store(request);
    const row = await answering(this.#changes.create(store, values, request));
    const path = request.url.split("?", 1)[0] ?? "";
    reply
      .code(201)
      .header("location", `${path.replace(/\/$/, "")}/${encodeURIComponent(String(row[this.#shape.key]))}`);
    return this.#answer(reply, row);
  }

  async #get(request: FastifyRequest, reply: FastifyReply) {
    const store = await this.#store(request);
    const row = await answering(store.get(this.#idOf(request)));
    if (row === undefined) throw notFound();
    return this.#answer(reply, row);
  }

  #answer(reply: FastifyReply, row: Row): Row {
    const tag = formatEntityTag(rowTag(row));
    if (tag !== undefined) reply.header("etag", tag);
    return this.#shown(row);
  }

  #shown(row: Row): Row {
    return Object.fromEntries(this.#shape.visible.map((name) => [name, row[name]]));
  }

  async #store(request: FastifyRequest): Promise<RowStore> {
    const { tenantOf } = this.#context;
    const tenant = await tenantOf?.(request);
    if (tenantOf !== undefined && (tenant === undefined || tenant === null)) {
      throw forbidden("the request belongs to no tenant");
    }
    return new RowStore(this.#shape, getSqlDb(request).db, tenant, this.#statements);
  }

  /** An id that no row can have is one that no row has. */
  #idOf(request: FastifyRequest): unknown {
    const { id } = z.object({ id: z.string() }).parse(request.params);
    const { key, columns } = this.#shape;
    const isNumber = columns[key]?.dataType === "number";
    const value = isNumber ? wholeNumberOf(id) : id;
    const schema = this.#schemas.row.shape[key];
    if (value === undefined || (schema instanceof z.ZodType && !schema.safeParse(value).success))
      throw notFound();
    return value;
  }
}

/** `undefined` for what is none, and for one that a number of JavaScript would round to another. */
function wholeNumberOf(id: string): number | undefined {
  const number = Number(id);
  return /^-?[0-9]{1,16}$/.test(id) && Number.isSafeInteger(number) ? number : undefined;
}

function notFound(): HttpError {
  return new HttpError(404, "not_found", "there is no such row");
}
