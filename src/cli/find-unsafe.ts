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
import { secretMinLength, storageVariables } from "../storage/settings.js";
import { serveVariables } from "./serve-settings.js";

/** What would let strangers in: no token on an address that others reach; in production none, or a short one. */
export function findExposure(env: Environment): ConfigurationProblem[] {
  const { name } = storageVariables.apiToken;
  const { host } = loadSettings({ host: serveVariables.host }, env);
  const { appEnv, reason } = findAppEnv(env);
  if (!isVariableSet(env, name)) {
    if (!isLoopback(host)) {
      const message = `is not set, and HOST '${host}' can be reached from elsewhere; expected a token`;
      return [{ name, message }];
    }
    if (appEnv !== "prod") return [];
    return [{ name, message: `is not set in production (${reason}); expected a token, or APP_ENV=local` }];
  }
  const { apiToken = [] } = loadSettings({ apiToken: storageVariables.apiToken }, env);
  if (appEnv !== "prod" || apiToken.every((each) => each.reveal().length >= secretMinLength)) return [];
  const message = `has fewer than ${secretMinLength} characters in production (${reason}); expected a longer token`;
  return [{ name, message }];
}

/** In production, a base URL of URLs that the kit signs and that only this machine could open. */
export async function findLocalUrl(env: Environment, storage: Storage): Promise<ConfigurationProblem[]> {
  const baseUrl = configurationOf(storage)?.settings.baseUrl;
  if (appEnvOf(env) !== "prod" || baseUrl === undefined || !isLoopback(new URL(baseUrl).hostname)) return [];
  if ((await storage.backend.signer()) === undefined) return [];
  const { name } = storageVariables.baseUrl;
  const message = `is '${baseUrl}' in production, where other machines cannot open it; expected the address that clients use`;
  return [{ name, message }];
}
