import {
  type ConfigurationProblem,
  type Environment,
  isLoopback,
  sourceOf,
  type VariableSource,
} from "../kernel/index.js";
import { type BackendType, backendRows, backendVariables } from "./backends.js";

interface Located {
  readonly name: string;
  readonly aliases?: readonly string[];
}

interface Found {
  readonly name: string;
  readonly source: VariableSource | "code";
}

/**
 * Finds an endpoint of a `.env` file that would get credentials from elsewhere: a folder from the net must not lead the
 * keys of its user to an address of its own. An endpoint on this machine is no stranger. The reverse is allowed: who may set
 * variables of the process, or write code, may read the file as well.
 */
export function findForeignEndpoint(
  type: BackendType,
  env: Environment,
  options: Readonly<Record<string, unknown>>,
): readonly ConfigurationProblem[] {
  const row: { readonly credentials?: readonly string[] } = backendRows[type];
  if (row.credentials === undefined) return [];
  const variables = new Map<string, Located>(Object.entries(backendVariables[type]));
  const find = (option: string) => findSource(option, variables.get(option), env, options);
  const endpoint = find("endpoint");
  if (endpoint?.source !== "file" || isOnThisMachine(env, endpoint.name)) return [];
  const set = row.credentials.map(find).filter((each) => each !== undefined);
  const found: readonly Found[] = set.length > 0 ? set : [{ name: "the credentials", source: "process" }];
  return found
    .filter(({ source }) => source !== "file")
    .map(({ name }) => ({
      name: endpoint.name,
      message: `is from a .env file, and ${name} not; set both in one place`,
    }));
}

function findSource(
  option: string,
  variable: Located | undefined,
  env: Environment,
  options: Readonly<Record<string, unknown>>,
): Found | undefined {
  if (options[option] !== undefined) return { name: `option '${option}'`, source: "code" };
  for (const name of variable === undefined ? [] : [variable.name, ...(variable.aliases ?? [])]) {
    const source = sourceOf(env, name);
    if (source !== undefined) return { name, source };
  }
  return undefined;
}

function isOnThisMachine(env: Environment, name: string): boolean {
  const url = env[name] ?? "";
  return URL.canParse(url) && isLoopback(new URL(url).hostname);
}
