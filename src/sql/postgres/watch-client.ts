import type { ClientBase } from "pg";
import type { QueryCallback, QueryWatch } from "../query-watch.js";

type Query = (...args: unknown[]) => unknown;

/** Puts the watch before `query` of one connection, through which every query of a pool goes. */
export function watchClient(client: ClientBase & { end?(): unknown }, watch: QueryWatch): void {
  const query = client.query.bind(client) as Query;
  const watched: Query = (...args) => {
    const [first, second] = args;
    const { text, values } = describe(first, second);
    const last = args.at(-1);
    if (typeof last === "function") {
      const callback: QueryCallback = (error, result) => {
        endWhenSilent(client, error);
        last(error, result);
      };
      return watch.watchCallback(text, values, callback, (watched) => query(...args.slice(0, -1), watched));
    }
    // A query that is handed over as an object of its own, like a cursor, answers in its own way.
    if (isSubmittable(first)) return query(...args);
    return watch.watch(text, values, async () => {
      try {
        return await query(...args);
      } catch (error) {
        endWhenSilent(client, error);
        throw error;
      }
    });
  };
  client.query = watched as typeof client.query;
}

/** The driver gives up waiting, but would go on to use the connection, on which the old answer may still come. */
function endWhenSilent(client: { end?(): unknown }, error: unknown): void {
  if (error instanceof Error && error.message === "Query read timeout") void client.end?.();
}

function describe(first: unknown, second: unknown): { text: string; values: unknown } {
  if (typeof first === "string") return { text: first, values: second };
  const { text, values } = Object(first);
  return { text: String(text), values: Array.isArray(second) ? second : values };
}

function isSubmittable(query: unknown): boolean {
  return typeof Object(query).submit === "function";
}
