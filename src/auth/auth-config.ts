import { randomBytes } from "node:crypto";
import { appEnvOf, ConfigurationError, type Environment, isLoopback } from "../kernel/index.js";
import type { providerVariables } from "./providers/provider-settings.js";
import { type OidcProvider, type Providers, providersOf } from "./providers/providers.js";
import type { AuthSettings } from "./settings.js";

/** The settings of auth, complete and checked against each other. */
export interface AuthConfig
  extends Omit<
    AuthSettings,
    "secret" | "baseUrl" | "trustedOrigins" | "corsAllowOrigins" | keyof typeof providerVariables
  > {
  /** The first one signs, all of them verify. */
  readonly secrets: readonly [string, ...string[]];
  /** The origin that people reach. */
  readonly origin: string;
  /** Path of the routes, with the prefix of the app. */
  readonly basePath: string;
  /** The own origin comes first. */
  readonly trustedOrigins: readonly string[];
  /** Whether cookies have the prefix `__Host-` (RFC 6265bis §4.1.3.2) and go over TLS only. */
  readonly isSecure: boolean;
  readonly providers: Providers;
}

/** @throws ConfigurationError for what production must not do without, and for half a provider. */
export function authConfig(
  settings: AuthSettings,
  env: Environment,
  basePath: string,
  oidcProviders: readonly OidcProvider[],
): AuthConfig {
  const { secret, baseUrl, trustedOrigins, corsAllowOrigins, ...rest } = settings;
  const isProduction = appEnvOf(env) === "prod";
  if (isProduction) checkProduction(settings);
  const origin = new URL(baseUrl ?? "http://localhost:3000").origin;
  const others = trustedOrigins ?? (corsAllowOrigins ?? []).filter((each) => each !== "*");
  const [first = randomBytes(32).toString("base64"), ...older] = (secret ?? []).map((each) => each.reveal());
  return {
    ...rest,
    secrets: [first, ...older],
    origin,
    basePath,
    trustedOrigins: [origin, ...others],
    isSecure: origin.startsWith("https:"),
    providers: providersOf(settings, oidcProviders),
  };
}

function checkProduction({ secret, baseUrl }: AuthSettings): void {
  if (secret === undefined) {
    const message = "is not set; make one with 'openssl rand -base64 32' (option 'secret')";
    throw new ConfigurationError([{ name: "AUTH_SECRET", message }]);
  }
  const url = baseUrl === undefined ? undefined : new URL(baseUrl);
  if (url?.protocol === "https:" || (url !== undefined && isLoopback(url.hostname))) return;
  const message = "must be the https URL of the service in production, as cookies go over TLS only";
  throw new ConfigurationError([{ name: "AUTH_BASE_URL (option 'baseUrl')", message }]);
}
