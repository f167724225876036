import { ConfigurationError } from "../../kernel/index.js";
import { type SqlSettings, type SslMode, sslModes } from "../settings.js";

/** Whether a sign-in is bound to the certificate of the server, in the words of libpq. */
const channelBindings = ["disable", "prefer", "require"] as const;
type ChannelBinding = (typeof channelBindings)[number];

/** A PostgreSQL server, and how to get to it. */
export interface PostgresTarget {
  readonly kind: "postgres";
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string | undefined;
  readonly sslMode: SslMode;
  readonly sslRootCert: string | undefined;
  readonly applicationName: string;
  /** Settings of the session, as `-c name=value`. */
  readonly options: string | undefined;
  readonly channelBinding: ChannelBinding;
}

/** What may stand behind the question mark; any other word is an error, as it would otherwise be ignored in silence. */
const parameters: ReadonlySet<string> = new Set([
  "host",
  "port",
  "user",
  "password",
  "sslmode",
  "sslrootcert",
  "application_name",
  "options",
  "channel_binding",
]);

/**
 * Reads a URL of PostgreSQL, in the form that libpq has.
 *
 * @param name - the variable that holds the URL, for the error.
 * @throws ConfigurationError without the URL in it, which may hold a password.
 */
export function postgresTarget(url: string, settings: SqlSettings, name: string): PostgresTarget {
  const parsed = parseUrl(url, name);
  const query = new Map(parsed.searchParams);
  const unknown = [...query.keys()].find((each) => !parameters.has(each));
  if (unknown !== undefined) {
    fail(name, `has the parameter '${unknown}'; expected only ${[...parameters].join(", ")}`);
  }
  const user = query.get("user") ?? (decodeURIComponent(parsed.username) || settings.user);
  return {
    kind: "postgres",
    host: query.get("host") ?? (decodeURIComponent(parsed.hostname.replace(/^\[|\]$/g, "")) || "localhost"),
    port: readPort(query.get("port") ?? parsed.port, name),
    user,
    password: query.get("password") ?? (decodeURIComponent(parsed.password) || settings.password?.reveal()),
    database: decodeURIComponent(parsed.pathname.slice(1)) || (settings.database ?? user),
    sslMode: readWord(query, "sslmode", sslModes, settings.sslMode, name),
    sslRootCert: query.get("sslrootcert") ?? settings.sslRootCert,
    applicationName: query.get("application_name") ?? "svc-infra",
    options: query.get("options"),
    channelBinding: readWord(query, "channel_binding", channelBindings, "disable", name),
  };
}

function parseUrl(url: string, name: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed !== undefined && /^postgres(?:ql)?:$/.test(parsed.protocol) && isDecodable(url)) return parsed;
  return fail(
    name,
    "is not a URL of a database; expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE, pglite:FOLDER or pglite:memory (percent-encode special characters of the password)",
  );
}

function isDecodable(url: string): boolean {
  try {
    return decodeURIComponent(url.replace(/\?.*$/s, "")) !== "";
  } catch {
    return false;
  }
}

function readPort(value: string, name: string): number {
  if (value === "") return 5432;
  const port = /^[0-9]{1,5}$/.test(value) ? Number(value) : 0;
  return port > 0 && port < 65_536 ? port : fail(name, "has a port that is none; expected 1 to 65535");
}

function readWord<Word extends string>(
  query: ReadonlyMap<string, string>,
  parameter: string,
  words: readonly Word[],
  otherwise: Word,
  name: string,
): Word {
  const given = query.get(parameter) ?? otherwise;
  const word = words.find((each) => each === given);
  return word ?? fail(name, `has ${parameter}=${given}; expected one of ${words.join(", ")}`);
}

function fail(name: string, message: string): never {
  throw new ConfigurationError([{ name, message }]);
}
