import {
  appEnvOf,
  type ConfigurationProblem,
  type Environment,
  findAppEnv,
  isLoopback,
  isVariableSet,
  loadSettings,
} from "../kernel/index.js";
import { configurationOf } from "../storage/easy-storage.js";
import type { Storage } from "../storage/index.js";
import { storageVariables } from "../storage/settings.js";
import { serveVariables } from "./serve-settings.js";

/** What would let strangers in: no token in production, or on an address that others reach. */
export function findExposure(env: Environment): ConfigurationProblem[] {
  const { name } = storageVariables.apiToken;
  if (isVariableSet(env, name)) return [];
  const { host } = loadSettings({ host: serveVariables.host }, env);
  if (!isLoopback(host)) {
    const message = `is not set, and HOST '${host}' can be reached from elsewhere; expected a token`;
    return [{ name, message }];
  }
  const { appEnv, reason } = findAppEnv(env);
  if (appEnv !== "prod") return [];
  return [{ name, message: `is not set in production (${reason}); expected a token, or APP_ENV=local` }];
}

/**
 * What URLs of the file route lack in production, whatever the backend: an address that other machines can open, and a
 * secret that every process has.
 */
export function findUnusableUrls(env: Environment, storage: Storage): ConfigurationProblem[] {
  if (appEnvOf(env) !== "prod") return [];
  const { baseUrl, signingSecret } = configurationOf(storage)?.settings ?? {};
  const problems: ConfigurationProblem[] = [];
  if (baseUrl !== undefined && isLoopback(new URL(baseUrl).hostname)) {
    const message = `is '${baseUrl}' in production, where other machines cannot open it; expected the address that clients use`;
    problems.push({ name: storageVariables.baseUrl.name, message });
  }
  if (signingSecret === undefined) {
    const { name, expected } = storageVariables.signingSecret;
    problems.push({ name, message: `is not set, and signs URLs in production; expected ${expected}` });
  }
  return problems;
}
