import { cacheVariables } from "../../cache/settings.js";
import { isVariableSet } from "../../kernel/index.js";
import type { AddContext } from "../helper.js";

/** What stands before the keys of a helper in a Redis that services share; `CACHE_PREFIX` beats it. */
export function keyPrefixOf({ env, name }: AddContext, what: string): string | undefined {
  return isVariableSet(env, cacheVariables.prefix.name) ? undefined : `${name}:${what}:`;
}
