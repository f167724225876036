import { inspect } from "node:util";
import { type Logger, WorkChannel } from "../kernel/index.js";
import type { OpenedSql } from "./sql-db.js";

/** What the channel `svc-infra:sql:query` tells of one query. */
export interface QueryFacts {
  readonly database: OpenedSql["kind"];
  /** The statement, with `***` in place of text between quotes; values are apart from it. */
  readonly statement: string;
}

const queries = new WorkChannel<QueryFacts>("svc-infra:sql:query");

/** What is done about queries that are slow or fail. */
export interface QueryWatchOptions {
  /** Milliseconds from which on a query is logged; 0 for never. */
  readonly slowQueryMs: number;
  readonly database: OpenedSql["kind"];
  readonly log: Logger;
}

/** Takes the outcome of a query of `pg`. */
export type QueryCallback = (error: unknown, result: unknown) => void;

/** Looks at every query of a database: tells of it, logs slow ones, and takes the values out of errors. */
export class QueryWatch {
  readonly #slowQueryMs: number;
  readonly #database: OpenedSql["kind"];
  readonly #log: Logger;

  constructor({ slowQueryMs, database, log }: QueryWatchOptions) {
    this.#database = database;
    this.#slowQueryMs = slowQueryMs === 0 ? Number.POSITIVE_INFINITY : slowQueryMs;
    this.#log = log;
  }

  /** Runs a query that answers by promise. */
  async watch<T>(text: string, values: unknown, query: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      return await queries.run(() => this.#facts(text), query);
    } catch (error) {
      maskFailure(error, values);
      throw error;
    } finally {
      this.#logSlow(text, values, startedAt);
    }
  }

  /** Runs a query that answers by `callback`. */
  watchCallback<T>(
    text: string,
    values: unknown,
    callback: QueryCallback,
    query: (callback: QueryCallback) => T,
  ): T {
    const startedAt = performance.now();
    const watched: QueryCallback = (error, result) => {
      maskFailure(error, values);
      this.#logSlow(text, values, startedAt);
      callback(error, result);
    };
    return queries.runWithCallback(() => this.#facts(text), watched, query);
  }

  /** Literals are masked only when a subscriber reads the statement. */
  #facts(text: string): QueryFacts {
    return {
      database: this.#database,
      get statement() {
        return withoutLiterals(text);
      },
    };
  }

  #logSlow(text: string, values: unknown, startedAt: number): void {
    const ms = Math.round(performance.now() - startedAt);
    if (ms < this.#slowQueryMs) return;
    const facts = { query: withoutLiterals(text), values: countOf(values), ms };
    this.#log.warn(facts, `a query took ${ms} ms (SQL_SLOW_QUERY_MS)`);
  }
}

/** `E'...'` with its backslashes, `'...'`, and `$tag$...$tag$`; an identifier may hold a dollar (PostgreSQL, Lexical Structure). */
const literals =
  /(?<![\w$])e'(?:[^'\\]|\\.|'')*(?:'|$)|'(?:[^']|'')*(?:'|$)|(?<![\w$])\$([a-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$.*?(?:\$\1\$|$)/gis;

/** Text in a literal may be a user's value in the statement; one that is cut off is masked to the end. */
function withoutLiterals(text: string): string {
  return text.replaceAll(literals, "'***'");
}

function countOf(values: unknown): number {
  return Array.isArray(values) ? values.length : 0;
}

const masked = {
  toString: { value: () => "***" },
  toJSON: { value: () => "***" },
  [inspect.custom]: { value: () => "***" },
};

/**
 * Makes the values of a failed query print as `***`, as Drizzle puts that very array into its error and its message.
 * PostgreSQL's own words hold values of the row in `detail` and `where`, and in the message of a value it cannot read.
 */
function maskFailure(error: unknown, values: unknown): void {
  if (!(error instanceof Error)) return;
  if (Array.isArray(values) && !Object.hasOwn(values, "toJSON")) Object.defineProperties(values, masked);
  const facts: Error & { detail?: unknown; where?: unknown; query?: unknown; code?: unknown } = error;
  if (typeof facts.detail === "string") facts.detail = maskDetail(facts.detail);
  if (typeof facts.where === "string") facts.where = maskWhere(facts.where);
  if (typeof facts.query === "string") facts.query = withoutLiterals(facts.query);
  if (typeof facts.code !== "string" || !facts.code.startsWith("22")) return;
  maskMessage(error);
  // `Token "..." is invalid.`
  if (typeof facts.detail === "string") facts.detail = withoutQuoted(facts.detail);
}

/** `Key (email)=(a@b.c) already exists.` and `Failing row contains (1, secret).` */
function maskDetail(detail: string): string {
  return detail.replace(/(=|contains )\(.*\)/s, "$1(***)");
}

/** `JSON data, line 1: {"a": secret` */
function maskWhere(where: string): string {
  return withoutLiterals(where.replace(/^(JSON data, line \d+: ).*/gm, "$1***"));
}

function withoutQuoted(text: string): string {
  return text.replace(/".*"/s, '"***"');
}

/**
 * Class 22 is data that cannot be taken; its messages quote it: `invalid input syntax for type uuid: "..."`,
 * `value "..." is out of range for type integer`.
 */
function maskMessage(error: Error): void {
  const { message, stack } = error;
  error.message = withoutQuoted(message);
  if (stack !== undefined) error.stack = stack.replace(message, error.message);
}
