import { oneOf, type SettingsOf, text, variable, wholeNumber } from "../kernel/index.js";

/** Settings of `svc-infra serve` beside those of the storage. */
export const serveVariables = {
  host: variable({
    name: "HOST",
    type: text.refine(isHost),
    expected: "an address or a host name",
    help: "Address to listen on. Other than loopback means production, unless APP_ENV says else, and needs STORAGE_API_TOKEN.",
    default: "127.0.0.1",
  }),
  port: variable({
    name: "PORT",
    type: wholeNumber({ min: 1, max: 65_535 }),
    expected: "a port from 1 to 65535",
    help: "Port to listen on.",
    default: 8000,
  }),
  idleTimeoutMs: variable({
    name: "HTTP_IDLE_TIMEOUT_MS",
    type: wholeNumber({ min: 1, max: 2 ** 31 - 1 }),
    expected: "a whole number of milliseconds from 1 to 2147483647",
    help: "Milliseconds after which a connection on which nothing moves is closed.",
    default: 60_000,
  }),
  logLevel: variable({
    name: "LOG_LEVEL",
    type: oneOf(["fatal", "error", "warn", "info", "debug", "trace", "silent"]),
    expected: "fatal, error, warn, info, debug, trace or silent",
    help: "Least important lines that are logged.",
    default: "info",
  }),
};

/** Values of {@link serveVariables}. */
export type ServeSettings = SettingsOf<typeof serveVariables>;

function isHost(host: string): boolean {
  return URL.canParse(urlOf({ host, port: 1 }));
}

const localNames = new Set(["127.0.0.1", "0.0.0.0", "::"]);

/** Where the service is reached from this machine. */
export function urlOf({ host, port }: { readonly host: string; readonly port: number }): string {
  const name = localNames.has(host) ? "localhost" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}
