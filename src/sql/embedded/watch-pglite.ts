import type { PGlite, Transaction } from "@electric-sql/pglite";
import type { QueryWatch } from "../query-watch.js";

/** Puts the watch before each query, in transactions too. */
export function watchPglite(pglite: PGlite, watch: QueryWatch): void {
  watchQueries(pglite, watch);
  const transaction = pglite.transaction.bind(pglite);
  pglite.transaction = (work) =>
    transaction((tx) => {
      watchQueries(tx, watch);
      return work(tx);
    });
}

function watchQueries(target: Pick<Transaction, "query">, watch: QueryWatch): void {
  const query = target.query.bind(target);
  target.query = (text, values, options) =>
    watch.watch(text, values, () => query(text, values, options)) as ReturnType<typeof query<never>>;
}
