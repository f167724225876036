import {
  oneOf,
  type SettingOptions,
  type SettingsOf,
  secretText,
  text,
  variable,
  wholeNumber,
} from "../kernel/index.js";

/** How a connection is encrypted and which certificates it trusts, in the words of libpq. */
export const sslModes = ["disable", "require", "verify-ca", "verify-full"] as const;

/** One of {@link sslModes}. */
export type SslMode = (typeof sslModes)[number];

const maxTimerMs = 2 ** 31 - 1;
const milliseconds = `a whole number of milliseconds from 0 to ${maxTimerMs}`;

/** Settings of the database. */
export const sqlVariables = {
  url: variable({
    name: "SQL_URL",
    aliases: ["DATABASE_URL"],
    type: secretText(),
    expected: "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, pglite:FOLDER or pglite:memory",
    help: "The database: PostgreSQL, or the embedded one (PGlite) in a folder or in memory.",
    secret: true,
    defaultText: "`DB_HOST` and the others; without them pglite:memory, and in production an error",
  }),
  host: variable({
    name: "DB_HOST",
    type: text,
    expected: "a host name, an address, or the folder of a Unix socket",
    help: "Host of PostgreSQL, for those who set the parts of the URL one by one.",
  }),
  port: variable({
    name: "DB_PORT",
    type: wholeNumber({ min: 1, max: 65_535 }),
    expected: "a port from 1 to 65535",
    help: "Its port.",
    default: 5432,
  }),
  database: variable({
    name: "DB_NAME",
    type: text,
    expected: "the name of a database",
    help: "The database on that host.",
    defaultText: "the name of the user",
  }),
  user: variable({
    name: "DB_USER",
    type: text,
    expected: "the name of a role",
    help: "The role to connect as.",
    default: "postgres",
  }),
  password: variable({
    name: "DB_PASSWORD",
    type: secretText(),
    expected: "a password that is not empty",
    help: "Its password.",
    secret: true,
  }),
  params: variable({
    name: "DB_PARAMS",
    type: text,
    expected: "parameters of a URL, like sslmode=require&application_name=shop",
    help: "More parameters, as they stand behind the question mark of a URL.",
  }),
  sslMode: variable({
    name: "SQL_SSLMODE",
    aliases: ["DB_SSLMODE_DEFAULT"],
    type: oneOf(sslModes),
    expected: `one of ${sslModes.join(", ")}`,
    help: "TLS to PostgreSQL where the URL has no sslmode of its own.",
    default: "disable",
  }),
  sslRootCert: variable({
    name: "SQL_SSLROOTCERT",
    type: text,
    expected: "path of a PEM file",
    help: "Certificate authorities that verify-ca and verify-full trust.",
    defaultText: "those of Node; verify-ca needs it",
  }),
  poolSize: variable({
    name: "SQL_POOL_SIZE",
    type: wholeNumber({ min: 1, max: 10_000 }),
    expected: "a whole number from 1 to 10000",
    help: "Most connections at a time, for each process.",
    default: 10,
  }),
  poolTimeoutMs: variable({
    name: "SQL_POOL_TIMEOUT_MS",
    type: wholeNumber({ min: 1, max: maxTimerMs }),
    expected: `a whole number of milliseconds from 1 to ${maxTimerMs}`,
    help: "Milliseconds that a query waits for a connection before it fails.",
    default: 5_000,
  }),
  statementTimeoutMs: variable({
    name: "SQL_STATEMENT_TIMEOUT_MS",
    type: wholeNumber({ max: maxTimerMs }),
    expected: milliseconds,
    help: "Milliseconds after which PostgreSQL stops a statement; 0 for never. The embedded database has no such limit.",
    default: 30_000,
  }),
  slowQueryMs: variable({
    name: "SQL_SLOW_QUERY_MS",
    type: wholeNumber({ max: maxTimerMs }),
    expected: milliseconds,
    help: "A query that takes at least this many milliseconds is logged, without its values; 0 for none.",
    default: 500,
  }),
  snapshotDir: variable({
    name: "SQL_SNAPSHOT_DIR",
    type: text,
    expected: "a path",
    help: "Folder of the prepared empty database that the embedded one starts from.",
    defaultText: "svc-infra in the user's cache folder",
  }),
};

/** Values of {@link sqlVariables}. */
export type SqlSettings = SettingsOf<typeof sqlVariables>;

/** Settings given in code, each beating its variable. */
export type SqlOptions = SettingOptions<typeof sqlVariables>;
