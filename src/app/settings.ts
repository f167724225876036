import { httpVariables } from "../http/index.js";
import {
  flag,
  oneOf,
  redisUrl,
  type SettingOptions,
  type SettingsOf,
  text,
  variable,
  wholeNumber,
} from "../kernel/index.js";
import { isHost } from "./address.js";
import { trustedProxies } from "./trusted-proxies.js";

/** A longer timer of Node runs out at once. */
export const maxTimerMs = 2 ** 31 - 1;
const milliseconds = `a whole number of milliseconds from 1 to ${maxTimerMs}`;

/** Settings of the service itself, with any helpers. */
export const appVariables = {
  host: variable({
    name: "HOST",
    type: text.refine(isHost),
    expected: "an address or a host name",
    help: "Address to listen on. Other than loopback means production, unless APP_ENV says otherwise; svc-infra serve then needs STORAGE_API_TOKEN.",
    default: "127.0.0.1",
  }),
  port: variable({
    name: "PORT",
    type: wholeNumber({ min: 1, max: 65_535 }),
    expected: "a port from 1 to 65535",
    help: "Port to listen on.",
    default: 8000,
  }),
  release: variable({
    name: "RELEASE",
    aliases: ["RAILWAY_GIT_COMMIT_SHA", "RENDER_GIT_COMMIT"],
    type: text,
    expected: "a version or a commit",
    help: "What is running, for the log, `/ping` and the documents.",
  }),
  logLevel: variable({
    name: "LOG_LEVEL",
    type: oneOf(["fatal", "error", "warn", "info", "debug", "trace", "silent"]),
    expected: "fatal, error, warn, info, debug, trace or silent",
    help: "Least important lines that are logged.",
    default: "info",
  }),
  idleTimeoutMs: variable({
    name: "HTTP_IDLE_TIMEOUT_MS",
    type: wholeNumber({ min: 1, max: maxTimerMs }),
    expected: milliseconds,
    help: "Milliseconds after which a connection on which nothing moves is closed.",
    default: 60_000,
  }),
  keepAliveTimeoutMs: variable({
    name: "HTTP_KEEP_ALIVE_TIMEOUT_MS",
    type: wholeNumber({ min: 1, max: maxTimerMs }),
    expected: milliseconds,
    help: "Milliseconds that a connection is kept for its next request. Must be longer than the keep-alive of the proxy in front, so that the proxy closes first.",
    default: 72_000,
  }),
  maxBodyBytes: variable({
    name: "HTTP_MAX_BODY_BYTES",
    type: wholeNumber({ min: 1 }),
    expected: "a whole number of bytes above 0",
    help: "Largest request body that is read into memory, in bytes. Uploads have STORAGE_MAX_UPLOAD_BYTES.",
    default: 1_048_576,
  }),
  trustProxy: variable({
    name: "TRUST_PROXY",
    type: trustedProxies,
    expected:
      "addresses or ranges like 10.0.0.0/8, or loopback, linklocal, uniquelocal, separated by commas; not everyone",
    help: "Proxies whose X-Forwarded-* headers are believed.",
    defaultText: "none",
  }),
  corsAllowOrigins: httpVariables.corsAllowOrigins,
  corsAllowCredentials: variable({
    name: "CORS_ALLOW_CREDENTIALS",
    type: flag,
    expected: "true or false",
    help: "Whether those pages may send cookies. Never together with `CORS_ALLOW_ORIGINS=*`.",
    default: false,
  }),
  rateLimitMax: variable({
    name: "RATE_LIMIT_MAX",
    type: wholeNumber(),
    expected: "a whole number of requests; 0 for no limit",
    help: "Requests that one client may make in each window.",
    default: 1000,
  }),
  rateLimitWindowMs: variable({
    name: "RATE_LIMIT_WINDOW_MS",
    type: wholeNumber({ min: 1, max: maxTimerMs }),
    expected: milliseconds,
    help: "Length of that window in milliseconds.",
    default: 60_000,
  }),
  redisUrl,
  enableDocs: variable({
    name: "ENABLE_DOCS",
    type: flag,
    expected: "true or false",
    help: "Whether `/docs` shows the OpenAPI document.",
    defaultText: "true, and in production false",
  }),
  shutdownDelayMs: variable({
    name: "SHUTDOWN_DELAY_MS",
    type: wholeNumber({ max: maxTimerMs }),
    expected: `a whole number of milliseconds from 0 to ${maxTimerMs}`,
    help: "Milliseconds after SIGTERM in which `/readyz` fails and requests go on, so that the load balancer notices.",
    defaultText: "0, and in production 5000",
  }),
  shutdownTimeoutMs: variable({
    name: "SHUTDOWN_TIMEOUT_MS",
    type: wholeNumber({ min: 1, max: maxTimerMs }),
    expected: milliseconds,
    help: "Milliseconds that requests in flight and helpers have to end after that delay.",
    default: 10_000,
  }),
};

/** Values of {@link appVariables}. */
export type AppSettings = SettingsOf<typeof appVariables>;

/** The same settings given in code, each beating its variable. */
export type AppSettingOptions = SettingOptions<typeof appVariables>;
