import { badRequest, evaluate, HttpError } from "../../http/index.js";
import type { Database } from "../sql-db.js";
import type { Row, RowStore } from "./row-store.js";
import { rowTag } from "./row-tag.js";
import { ofHook } from "./sql-failure.js";
import type { TableShape } from "./table-shape.js";

/** A request, as far as a change looks at it; hooks get the whole of it. */
interface ChangeRequest {
  readonly headers: Parameters<typeof evaluate>[0];
  readonly server: { readonly db: Database };
}

/** The hooks of a table, where the types of its rows are not known. */
export interface RowHooks {
  readonly beforeCreate?: RowHook<[values: Row]>;
  readonly beforePatch?: RowHook<[values: Row, row: Row]>;
  readonly beforeDelete?: RowHook<[row: Row]>;
  readonly afterCreate?: RowHook<[row: Row]>;
  readonly afterPatch?: RowHook<[row: Row]>;
  readonly afterDelete?: RowHook<[row: Row]>;
}

type RowHook<Given extends unknown[]> = (...args: [...Given, context: never]) => Promise<unknown>;

/** Changes of rows, with their hooks and conditions, in a transaction where there is more than one statement. */
export class Changes {
  readonly #shape: TableShape;
  readonly #hooks: RowHooks;
  readonly #requireIfMatch: boolean;

  constructor(shape: TableShape, hooks: RowHooks | undefined, requireIfMatch: boolean) {
    this.#shape = shape;
    this.#hooks = hooks ?? {};
    this.#requireIfMatch = requireIfMatch;
  }

  create(store: RowStore, values: Row, request: ChangeRequest): Promise<Row> {
    const { beforeCreate, afterCreate } = this.#hooks;
    if (beforeCreate === undefined && afterCreate === undefined && this.#shape.references.length === 0) {
      return store.create(values);
    }
    return request.server.db.transaction(async (db) => {
      const own = store.on(db);
      const context = { request, db } as never;
      const written: Row = { ...Object((await ofHook(() => beforeCreate?.(values, context))) ?? values) };
      await refuseStrangers(own, written);
      const row = await own.create(written);
      await ofHook(() => afterCreate?.(row, context));
      return row;
    });
  }

  patch(store: RowStore, id: unknown, values: Row, request: ChangeRequest): Promise<Row> {
    if (Object.keys(values).length === 0) throw badRequest("the content changes nothing");
    const { beforePatch, afterPatch } = this.#hooks;
    const isPlain =
      beforePatch === undefined && afterPatch === undefined && this.#shape.references.length === 0;
    if (isPlain && !this.#isConditional(request)) return store.patch(id, values).then(orNotFound);
    return request.server.db.transaction(async (db) => {
      const own = store.on(db);
      const context = { request, db } as never;
      const row = await this.#lock(own, id, request);
      const written: Row = { ...Object((await ofHook(() => beforePatch?.(values, row, context))) ?? values) };
      await refuseStrangers(own, written);
      const changed = orNotFound(await own.patch(id, withoutTenant(written, this.#shape)));
      await ofHook(() => afterPatch?.(changed, context));
      return changed;
    });
  }

  async delete(store: RowStore, id: unknown, request: ChangeRequest): Promise<void> {
    const { beforeDelete, afterDelete } = this.#hooks;
    if (beforeDelete === undefined && afterDelete === undefined && !this.#isConditional(request)) {
      if (!(await store.delete(id))) throw notFound();
      return;
    }
    await request.server.db.transaction(async (db) => {
      const own = store.on(db);
      const context = { request, db } as never;
      const row = await this.#lock(own, id, request);
      await ofHook(() => beforeDelete?.(row, context));
      await own.delete(id);
      await ofHook(() => afterDelete?.(row, context));
    });
  }

  /** True when the request has a precondition (RFC 9110 §13); where `If-Match` is demanded, no other one stands for it (RFC 6585 §3). */
  #isConditional({ headers }: ChangeRequest): boolean {
    const hasMatch = headers["if-match"] !== undefined;
    if (!hasMatch && this.#requireIfMatch) {
      throw new HttpError(
        428,
        "precondition_required",
        "send If-Match with the ETag of the row that you have seen",
      );
    }
    return hasMatch || headers["if-none-match"] !== undefined;
  }

  async #lock(store: RowStore, id: unknown, request: ChangeRequest): Promise<Row> {
    const row = orNotFound(await store.lock(id));
    if (!this.#isConditional(request)) return row;
    const { "if-match": match, "if-none-match": noneMatch } = request.headers;
    const fields = {
      ...(match === undefined ? {} : { "if-match": match }),
      ...(noneMatch === undefined ? {} : { "if-none-match": noneMatch }),
    };
    if (evaluate(fields, { etag: rowTag(row), lastModified: new Date(0) }, false) === "pass") return row;
    throw new HttpError(
      412,
      "precondition_failed",
      "the row is not the one that you have seen; read it again",
    );
  }
}

async function refuseStrangers(store: RowStore, values: Row): Promise<void> {
  const [stranger] = await store.strangers(values);
  if (stranger !== undefined) throw badRequest(`${stranger}: there is no such row`);
}

/** A hook may set any column but the tenant's, which would give the row away. */
function withoutTenant(values: Row, { tenant, columns }: TableShape): Row {
  return Object.fromEntries(
    Object.entries(values).filter(([name]) => tenant === undefined || columns[name] !== tenant),
  );
}

function orNotFound(row: Row | undefined): Row {
  if (row === undefined) throw notFound();
  return row;
}

function notFound(): HttpError {
  return new HttpError(404, "not_found", "there is no such row");
}
