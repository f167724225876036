import { ConfigurationError, type ConfigurationProblem } from "./configuration-error.js";
import { sourceOf, type VariableSource } from "./env-file.js";
import { type Environment, readVariable } from "./environment.js";
import { isLoopback } from "./loopback.js";

/** An address that settings name, and what is sent there. */
export interface AddressUse {
  /** The setting that holds it. */
  readonly setting: string;
  /** A URL, a host, or the folder of a Unix socket; `undefined` when there is none. */
  readonly address: string | undefined;
  /** The settings whose values are sent there. */
  readonly secrets: readonly string[];
  /** The settings that name files whose content is sent there. */
  readonly files?: readonly string[];
  /** Words for what the process sends there without a setting. */
  readonly others?: readonly string[];
}

interface Located {
  readonly name: string;
  readonly aliases?: readonly string[];
}

interface Found {
  /** As the person who set it knows it. */
  readonly name: string;
  readonly source: VariableSource | "code";
}

/**
 * Finds an address of a `.env` file that would get secrets of another source: a folder that was downloaded must not lead the
 * secrets of its user to an address of its own. The content of a file that a variable names counts as another source. An
 * address on this machine is allowed. The reverse is allowed too: a person who may set variables of the process or write code
 * may also read the file.
 */
export function findForeignAddress(
  schema: Readonly<Record<string, Located>>,
  env: Environment,
  options: object,
  { setting, address, secrets, files = [], others = [] }: AddressUse,
): ConfigurationProblem[] {
  const given = new Map<string, unknown>(Object.entries(options));
  const find = (name: string) => findSource(name, schema[name], env, given);
  const found = find(setting);
  if (found?.source !== "file" || address === undefined || isOnThisMachine(address)) return [];
  const foreign = [...secrets, ...files]
    .filter((name) => name !== setting)
    .flatMap((name) => {
      const secret = find(name);
      if (secret === undefined) return [];
      if (secret.source !== "file") return [isElsewhere(secret.name)];
      const namesFile = secret.name.endsWith("_FILE") || files.includes(name);
      return namesFile ? [isOfFileElsewhere(secret.name)] : [];
    });
  const messages = [...foreign, ...others.map(isElsewhere)];
  return messages.map((message) => ({ name: found.name, message: `is from a .env file, and ${message}` }));
}

/** @throws ConfigurationError for what {@link findForeignAddress} finds. */
export function refuseForeignAddress(...found: Parameters<typeof findForeignAddress>): void {
  const problems = findForeignAddress(...found);
  if (problems.length > 0) throw new ConfigurationError(problems);
}

function isElsewhere(secret: string): string {
  return `${secret} not; set both in one place`;
}

/** Where both are in the `.env` file, another place for the variable would not help. */
function isOfFileElsewhere(variable: string): string {
  return `the file that ${variable} names is not part of it; set the address in the environment of the process`;
}

function findSource(
  option: string,
  variable: Located | undefined,
  env: Environment,
  given: ReadonlyMap<string, unknown>,
): Found | undefined {
  if (given.get(option) !== undefined) return { name: `option '${option}'`, source: "code" };
  for (const name of variable === undefined ? [] : [variable.name, ...(variable.aliases ?? [])]) {
    const source = sourceOf(env, name);
    if (source !== undefined)
      return { name: readVariable(env, name) === undefined ? `${name}_FILE` : name, source };
  }
  return undefined;
}

function isOnThisMachine(address: string): boolean {
  return address.startsWith("/") || isLoopback(URL.canParse(address) ? new URL(address).hostname : address);
}
