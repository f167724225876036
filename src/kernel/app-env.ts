import { ConfigurationError } from "./configuration-error.js";
import { type Environment, readVariable } from "./environment.js";

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

/**
 * Where the service runs: `APP_ENV`, else `NODE_ENV`, else `local`. Upper and lower case are the same.
 *
 * @throws ConfigurationError for a word that it does not know: guessing could switch safety off.
 */
export function appEnvOf(env: Environment): AppEnv {
  const name = readVariable(env, "APP_ENV") === undefined ? "NODE_ENV" : "APP_ENV";
  const word = readVariable(env, name);
  if (word === undefined) return "local";
  const appEnv = appEnvOfWord.get(word.trim().toLowerCase());
  if (appEnv !== undefined) return appEnv;
  const words = [...appEnvOfWord.keys()].join(", ");
  const hint = name === "NODE_ENV" ? "; or set APP_ENV" : "";
  throw new ConfigurationError([{ name, message: `expected one of ${words}${hint}` }]);
}
