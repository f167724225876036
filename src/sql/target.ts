import { resolve } from "node:path";
import { appEnvOf, ConfigurationError, type Environment } from "../kernel/index.js";
import { type PostgresTarget, postgresTarget } from "./postgres/postgres-target.js";
import type { SqlSettings } from "./settings.js";

/** The embedded database and where it is kept; in memory without a folder. */
interface EmbeddedTarget {
  readonly kind: "embedded";
  readonly folder: string | undefined;
}

/** The database that settings name. */
export type SqlTarget = (PostgresTarget | EmbeddedTarget) & {
  /** What decided, as in `SQL_URL`; for the log. */
  readonly reason: string;
};

/**
 * Finds out which database is meant: the URL, else its parts, else the embedded one in memory.
 *
 * @throws ConfigurationError for a malformed URL, and in production when nothing names a database.
 */
export function sqlTarget(settings: SqlSettings, env: Environment): SqlTarget {
  const { url } = settings;
  if (url !== undefined) return { ...targetOfUrl(url.reveal(), settings), reason: "SQL_URL is set" };
  if (settings.host !== undefined) {
    return { ...postgresTarget(urlOfParts(settings), settings, "DB_HOST"), reason: "DB_HOST is set" };
  }
  if (appEnvOf(env) === "prod") {
    const message =
      "is not set, and production has no default; expected postgresql://... , or pglite:FOLDER to ask for the embedded database";
    throw new ConfigurationError([{ name: "SQL_URL", message }]);
  }
  return { kind: "embedded", folder: undefined, reason: "nothing names a database" };
}

function targetOfUrl(url: string, settings: SqlSettings): PostgresTarget | EmbeddedTarget {
  if (!url.startsWith("pglite:")) return postgresTarget(url, settings, "SQL_URL");
  const path = url.slice("pglite:".length).replace(/^\/\/(?!\/)/, "");
  if (path === "") {
    throw new ConfigurationError([
      { name: "SQL_URL", message: "names no folder; expected pglite:FOLDER or pglite:memory" },
    ]);
  }
  return { kind: "embedded", folder: path === "memory" ? undefined : resolve(path) };
}

function urlOfParts({ host = "", port, user, password, database, params }: SqlSettings): string {
  const query = new URLSearchParams(params);
  query.set("host", host);
  query.set("port", String(port));
  query.set("user", user);
  if (password !== undefined) query.set("password", password.reveal());
  return `postgresql:///${encodeURIComponent(database ?? user)}?${query}`;
}
