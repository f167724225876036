import { existsSync } from "node:fs";
import { ConfigurationError } from "./configuration-error.js";
import { type Environment, readVariable } from "./environment.js";
import { isLoopback } from "./loopback.js";

/** Where the service runs; `prod` is the strict one. */
export type AppEnv = "local" | "dev" | "test" | "prod";

/** Other words for each environment. What serves real users, or rehearses it, is `prod`. */
const appEnvOfWord = new Map<string, AppEnv>([
  ["local", "local"],
  ["dev", "dev"],
  ["develop", "dev"],
  ["development", "dev"],
  ["test", "test"],
  ["testing", "test"],
  ["ci", "test"],
  ["prod", "prod"],
  ["production", "prod"],
  ["live", "prod"],
  ["staging", "prod"],
  ["stage", "prod"],
  ["preprod", "prod"],
  ["preview", "prod"],
]);

/** Variables that hosting platforms set by themselves. */
const platforms = ["RAILWAY_ENVIRONMENT_NAME", "RENDER", "FLY_APP_NAME", "VERCEL_ENV"] as const;

/** Every pod that may talk to its cluster has this file, unless its account is kept out of it. */
const serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/** Where the service runs, and what tells so. */
export interface AppEnvFinding {
  readonly appEnv: AppEnv;
  /** For people: `RENDER is set`. */
  readonly reason: string;
}

/**
 * Where the service runs: `APP_ENV`, else `NODE_ENV`, else what the platform tells (Railway, Render, Fly, Vercel,
 * Kubernetes), else a `HOST` that is not loopback, all of which mean `prod`; else `local`. Upper and lower case are
 * the same.
 *
 * @throws ConfigurationError for a word that it does not know: guessing could switch safety off.
 */
export function appEnvOf(env: Environment): AppEnv {
  return findAppEnv(env).appEnv;
}

/** As {@link appEnvOf}, with the reason. */
export function findAppEnv(env: Environment, tokenFile: string = serviceAccountToken): AppEnvFinding {
  const stated = ["APP_ENV", "NODE_ENV"].find((name) => readVariable(env, name) !== undefined);
  if (stated !== undefined) return fromWord(env, stated);
  const platform = platforms.find((name) => readVariable(env, name) !== undefined);
  if (platform !== undefined) return fromPlatform(env, platform);
  // The address of the cluster is in the environment of every pod; a file alone could be anything's.
  if (readVariable(env, "KUBERNETES_SERVICE_HOST") !== undefined && existsSync(tokenFile)) {
    return { appEnv: "prod", reason: "there is a Kubernetes service account" };
  }
  const host = readVariable(env, "HOST");
  if (host !== undefined && !isLoopback(host)) {
    return { appEnv: "prod", reason: `HOST '${host}' can be reached from elsewhere` };
  }
  return { appEnv: "local", reason: "nothing says otherwise" };
}

/** `vercel dev` sets its variable on a laptop, too. */
function fromPlatform(env: Environment, name: string): AppEnvFinding {
  const isLaptop = name === "VERCEL_ENV" && readVariable(env, name) === "development";
  return { appEnv: isLaptop ? "dev" : "prod", reason: `${name} is set` };
}

function fromWord(env: Environment, name: string): AppEnvFinding {
  const word = readVariable(env, name) ?? "";
  const appEnv = appEnvOfWord.get(word.trim().toLowerCase());
  if (appEnv !== undefined) return { appEnv, reason: `${name} is '${word}'` };
  const words = [...appEnvOfWord.keys()].join(", ");
  const hint = name === "NODE_ENV" ? "; or set APP_ENV" : "";
  throw new ConfigurationError([{ name, message: `expected one of ${words}${hint}` }]);
}
