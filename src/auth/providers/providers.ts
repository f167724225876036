import {
  ConfigurationError,
  type ConfigurationProblem,
  isLoopback,
  type Secret,
} from "../../kernel/index.js";
import type { AuthSettings } from "../settings.js";

/** A client that was registered with an identity provider. */
export interface ProviderClient {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** An OpenID Connect provider (OpenID Connect Discovery 1.0). */
export interface OidcProvider extends ProviderClient {
  /** In routes: its callback is `/auth/callback/NAME`. Lower-case letters, digits and hyphens. */
  readonly name: string;
  /** Where it describes itself, over https but on loopback. */
  readonly discoveryUrl: string;
}

/** The identity providers that users may sign in with. */
export interface Providers {
  readonly google?: ProviderClient;
  readonly github?: ProviderClient;
  readonly microsoft?: ProviderClient & { readonly tenantId: string };
  readonly oidc: readonly OidcProvider[];
}

type Settings = Pick<
  AuthSettings,
  `${"google" | "github" | "microsoft" | "oidc"}${string}` & keyof AuthSettings
>;

/**
 * The providers that are configured: those of the settings, and those that code names.
 *
 * @throws ConfigurationError that names each variable that is missing beside another.
 */
export function providersOf(settings: Settings, more: readonly OidcProvider[]): Providers {
  const problems: ConfigurationProblem[] = [];
  const client = (name: string, id: string | undefined, secret: Secret | undefined) =>
    clientOf(`AUTH_${name}_CLIENT_ID`, `AUTH_${name}_CLIENT_SECRET`, { id, secret }, problems);
  const google = client("GOOGLE", settings.googleClientId, settings.googleClientSecret);
  const github = client("GITHUB", settings.githubClientId, settings.githubClientSecret);
  const microsoft = client("MICROSOFT", settings.microsoftClientId, settings.microsoftClientSecret);
  const oidc = client("OIDC", settings.oidcClientId, settings.oidcClientSecret);
  const { oidcDiscoveryUrl: discoveryUrl, oidcName: name } = settings;
  if ((oidc === undefined) !== (discoveryUrl === undefined)) {
    const missing = oidc === undefined ? "AUTH_OIDC_CLIENT_ID" : "AUTH_OIDC_DISCOVERY_URL";
    problems.push({ name: missing, message: "is not set, but other variables of the provider are" });
  }
  const all =
    oidc === undefined || discoveryUrl === undefined ? more : [{ ...oidc, name, discoveryUrl }, ...more];
  problems.push(...all.flatMap(problemsOf));
  if (problems.length > 0) throw new ConfigurationError(problems);
  return {
    ...(google === undefined ? {} : { google }),
    ...(github === undefined ? {} : { github }),
    ...(microsoft === undefined ? {} : { microsoft: { ...microsoft, tenantId: settings.microsoftTenant } }),
    oidc: all,
  };
}

/** The names under which users sign in, for the log. */
export function namesOf({ oidc, ...others }: Providers): readonly string[] {
  return [...Object.keys(others), ...oidc.map(({ name }) => name)];
}

function clientOf(
  idName: string,
  secretName: string,
  { id, secret }: { readonly id: string | undefined; readonly secret: Secret | undefined },
  problems: ConfigurationProblem[],
): ProviderClient | undefined {
  if (id !== undefined && secret !== undefined) return { clientId: id, clientSecret: secret.reveal() };
  const [missing, given] = id === undefined ? [idName, secretName] : [secretName, idName];
  const isHalf = id !== undefined || secret !== undefined;
  if (isHalf) problems.push({ name: missing, message: `is not set, but ${given} is` });
  return undefined;
}

const builtIn: ReadonlySet<string> = new Set(["google", "github", "microsoft"]);

function problemsOf({ name, discoveryUrl }: OidcProvider): readonly ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = [];
  if (builtIn.has(name)) {
    problems.push({ name: "AUTH_OIDC_NAME", message: `'${name}' is the name of a built-in provider` });
  }
  const url = URL.canParse(discoveryUrl) ? new URL(discoveryUrl) : undefined;
  if (url?.protocol !== "https:" && !(url !== undefined && isLoopback(url.hostname))) {
    problems.push({ name: "AUTH_OIDC_DISCOVERY_URL", message: "must be an https URL" });
  }
  return problems;
}
