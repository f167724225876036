import {
  type AppEnv,
  appEnvOf,
  ConfigurationError,
  type ConfigurationProblem,
  collectProblems,
  type Environment,
  isVariableSet,
  loadSettings,
  parseSettings,
  type SettingsSchema,
  withDefaults,
} from "../kernel/index.js";
import { type BackendType, backendRows, backendTypes, backendVariables } from "./backends.js";
import type { StorageBackend } from "./contract/backend.js";
import type { LocationSettings, SigningSettings } from "./contract/backend-row.js";
import { findForeignEndpoint } from "./foreign-endpoint.js";
import {
  type EasyStorageOptions,
  type StorageSettings,
  secretMinLength,
  storageVariables,
} from "./settings.js";

/** Which backend was chosen, and why. */
export interface Detection {
  readonly type: BackendType;
  /** For people; names the variable or option that decided. */
  readonly reason: string;
  /** Variables that this backend needs and that are not set. */
  readonly missing: readonly string[];
}

/** A backend with the settings it was made from. */
export interface ConfiguredBackend {
  readonly backend: StorageBackend;
  readonly settings: StorageSettings;
  readonly detection: Detection;
}

/** What to use, outside production, when nothing names a backend. */
export interface Fallback {
  readonly type: BackendType;
  readonly reason: string;
  /** Variables that then hold unless they are set. */
  readonly defaults: Environment;
}

const memory: Fallback = {
  type: "memory",
  reason: "nothing is set that names a backend; files are lost when the process ends",
  defaults: {},
};

/** Variables any of which names a backend. */
export const namingVariables: readonly string[] = [
  storageVariables.backend.name,
  ...backendTypes.flatMap((type) => backendRows[type].detectedBy),
  backendVariables.local.basePath.name,
];

/** The setting of a backend that says where in the service its objects are: a folder, a bucket; `undefined` where there is one place. */
export function placeOf(type: BackendType): string | undefined {
  return backendRows[type].place;
}

/** Values of the settings that say where a backend's objects are, and of no others: the same for the same place. */
export async function locationOf(type: BackendType, env: Environment): Promise<LocationSettings> {
  const { place, scope = [], normalizeLocation } = backendRows[type];
  const schema: SettingsSchema = backendVariables[type];
  const locating = Object.entries(schema).filter(
    ([name]) => name === place || scope.some((each) => each === name),
  );
  const location = parseSettings(Object.fromEntries(locating), env, {});
  return normalizeLocation === undefined ? location : normalizeLocation(location);
}

/**
 * Chooses the backend: the option, else `STORAGE_BACKEND`, else the first whose variable is set in the order
 * of `backendTypes`, else memory. Makes and reaches nothing.
 *
 * @throws ConfigurationError naming the variable or option at fault.
 */
export function detectBackend(env: Environment, options: EasyStorageOptions = {}): Detection {
  const choice = chooseBackend(env, options, memory);
  const unknown = findUnknown(choice, options);
  if (unknown.length > 0) throw new ConfigurationError(unknown);
  return explain(choice, backendRows[choice.type].configure(env, ownOptions(choice.type, options)).own);
}

/**
 * Makes the backend that the options and the environment ask for. Reaches nothing: its first call does.
 *
 * @throws ConfigurationError naming every variable and option at fault.
 */
export async function backendFromEnv(
  env: Environment,
  options: EasyStorageOptions = {},
  fallback: Fallback = memory,
): Promise<ConfiguredBackend> {
  const problems: ConfigurationProblem[] = [];
  const appEnv = collectProblems(problems, () => appEnvOf(env));
  const settings = collectProblems(problems, () =>
    loadSettings(storageVariables, env, commonOptions(options)),
  );
  const choice = collectProblems([], () => chooseBackend(env, options, fallback));
  if (choice === undefined) throw new ConfigurationError(problems);
  return build({ choice, options, appEnv, settings, problems });
}

interface Choice {
  readonly type: BackendType;
  readonly reason: string;
  /** The variable or option that decided; `undefined` when there was none. */
  readonly source: string | undefined;
  /** The environment, with what the fallback adds. */
  readonly env: Environment;
}

function chooseBackend(env: Environment, options: EasyStorageOptions, fallback: Fallback): Choice {
  const schema = { backend: storageVariables.backend };
  const { backend } = loadSettings(schema, env, { backend: options.backend });
  if (backend !== undefined) {
    const source = options.backend === undefined ? "STORAGE_BACKEND" : "option 'backend'";
    return { type: backend, reason: `${source} is '${backend}'`, source, env };
  }
  for (const type of backendTypes) {
    const source = backendRows[type].detectedBy.find((name) => isVariableSet(env, name));
    if (source !== undefined) return { type, reason: `${source} is set`, source, env };
  }
  // STORAGE_BASE_PATH is checked last: users of a provider often set it too.
  const { name } = backendVariables.local.basePath;
  if (isVariableSet(env, name)) return { type: "local", reason: `${name} is set`, source: name, env };
  const { type, reason, defaults } = fallback;
  return { type, reason, source: undefined, env: withDefaults(env, defaults) };
}

interface Draft {
  readonly choice: Choice;
  readonly options: EasyStorageOptions;
  readonly appEnv: AppEnv | undefined;
  readonly settings: StorageSettings | undefined;
  readonly problems: ConfigurationProblem[];
}

async function build(draft: Draft): Promise<ConfiguredBackend> {
  const { choice, options, settings, problems } = draft;
  const own = ownOptions(choice.type, options);
  const configured = collectProblems(problems, () => backendRows[choice.type].configure(choice.env, own));
  const unknown = findUnknown(choice, options);
  problems.push(...unknown);
  const detection = explain(choice, configured?.own ?? {});
  // A name that is misspelled may be what is missing.
  if (configured !== undefined && unknown.length === 0) {
    problems.push(...detection.missing.map((name) => isMissing(name, detection)));
  }
  problems.push(...findUnsafe(draft));
  if (configured !== undefined)
    problems.push(...(await findForeignEndpoint(choice.type, choice.env, own, configured)));
  if (problems.length > 0 || configured === undefined || settings === undefined) {
    throw new ConfigurationError(problems);
  }
  return { backend: await configured.create(signingOf(settings)), settings, detection };
}

/** What development allows and production does not. */
function findUnsafe({ appEnv, choice, settings }: Draft): ConfigurationProblem[] {
  if (appEnv !== "prod") return [];
  const problems: ConfigurationProblem[] = [];
  const { apiToken = [], signingSecret } = settings ?? {};
  if (apiToken.some((token) => token.reveal().length < secretMinLength)) {
    const message = `has fewer than ${secretMinLength} characters in production; expected a longer token`;
    problems.push({ name: storageVariables.apiToken.name, message });
  }
  if (choice.source === undefined) {
    const message = `nothing tells where to keep files in production; expected one of ${backendTypes.join(", ")}`;
    problems.push({ name: storageVariables.backend.name, message });
  } else if (
    backendRows[choice.type].signsWithSecret &&
    settings !== undefined &&
    signingSecret === undefined
  ) {
    const { name, expected } = storageVariables.signingSecret;
    const message = `is not set, and ${choice.type} needs it in production; expected ${expected}`;
    problems.push({ name, message });
  }
  return problems;
}

function explain({ type, reason }: Choice, own: object): Detection {
  const values = new Map<string, unknown>(Object.entries(own));
  const { required }: { readonly required: readonly string[] } = backendRows[type];
  const missing = Object.entries<{ readonly name: string }>(backendVariables[type])
    .filter(([option]) => required.includes(option) && values.get(option) === undefined)
    .filter(([option]) => values.get(insteadOf(type, option) ?? "") === undefined)
    .map(([, { name }]) => name);
  return { type, reason, missing };
}

/** The option that says this one and others at once. */
function insteadOf(type: BackendType, option: string): string | undefined {
  const { instead }: { instead?: { readonly of: readonly string[]; readonly option: string } } =
    backendRows[type];
  return instead?.of.includes(option) ? instead.option : undefined;
}

function isMissing(name: string, { type, reason }: Detection): ConfigurationProblem {
  const variables = new Map<string, { readonly name: string }>(Object.entries(backendVariables[type]));
  const [option = ""] = [...variables].find(([, each]) => each.name === name) ?? [];
  const other = variables.get(insteadOf(type, option) ?? "");
  const needed = other === undefined ? "it" : `it, or ${other.name}`;
  return { name, message: `is not set, and ${type} needs ${needed} (${reason})` };
}

function signingOf({ baseUrl, signingSecret }: StorageSettings): SigningSettings {
  return { baseUrl, secrets: signingSecret?.map((secret) => secret.reveal()) };
}

function commonOptions(options: EasyStorageOptions) {
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => Object.hasOwn(storageVariables, name)),
  );
}

function ownOptions(type: BackendType, options: EasyStorageOptions) {
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => Object.hasOwn(backendVariables[type], name)),
  );
}

/** Options that neither every storage nor this backend has. One of another backend is none where this one was named. */
function findUnknown({ type, reason }: Choice, options: EasyStorageOptions): ConfigurationProblem[] {
  const known = { ...backendVariables[type], ...storageVariables };
  return Object.entries(options)
    .filter(([option, value]) => value !== undefined && !Object.hasOwn(known, option))
    .map(([option]) => {
      const name = `option '${option}'`;
      const owners = backendTypes.filter((each) => Object.hasOwn(backendVariables[each], option));
      const others = options.backend === undefined ? owners : [];
      const message =
        others.length === 0
          ? `is not known here; expected one of ${Object.keys(known).join(", ")}`
          : `is one of ${others.join(", ")}, and the backend is ${type} (${reason}); write backend: "${others[0]}"`;
      return { name, message };
    });
}
