import { ConfigurationError, type Environment, isVariableSet, readEnvironment } from "../kernel/index.js";
import { backendFromEnv, type Detection, type Fallback } from "./from-env.js";
import { stack } from "./layers/stack.js";
import type { OperationObservers } from "./operation-observers.js";
import { policyOfSettings } from "./policy/policy-of-settings.js";
import { type EasyStorageOptions, type StorageSettings, storageVariables } from "./settings.js";
import { Storage } from "./storage.js";

/** What a storage of {@link easyStorage} was made from. */
export interface StorageConfiguration {
  readonly detection: Detection;
  readonly settings: StorageSettings;
  /** Whether an option or a variable says how many bytes an upload may have. */
  readonly isLimited: boolean;
}

/** By the observers, which a storage hands on to all that is derived from it, with layers or a policy. */
const configurations = new WeakMap<OperationObservers, StorageConfiguration>();

/**
 * A storage from the environment (and the `.env` file): an option beats a variable, a variable beats the
 * default. Reaches nothing: the first call does.
 *
 * @param fallback - what to use instead of memory when nothing names a backend.
 * @throws ConfigurationError naming every variable and option at fault.
 *
 * @example
 * const storage = await easyStorage(); // from the environment
 * const local = await easyStorage({ backend: "local", basePath: "./uploads" });
 */
export async function easyStorage(
  options: EasyStorageOptions = {},
  env: Environment = readEnvironment(),
  fallback?: Fallback,
): Promise<Storage> {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    const given = JSON.stringify(options);
    const name = typeof options === "string" ? given : '"s3"';
    const message = `takes options, not ${given}; write easyStorage({ backend: ${name} })`;
    throw new ConfigurationError([{ name: "easyStorage", message }]);
  }
  const { backend, settings, detection } = await backendFromEnv(env, options, fallback);
  const { publicUrl, publicPrefixes: prefixes, timeoutMs } = settings;
  const publicFiles = publicUrl === undefined ? undefined : { url: publicUrl, prefixes };
  const layers = stack({ retry: {}, timeoutMs, publicFiles });
  const policy = policyOfSettings(settings);
  const storage = new Storage(backend, { maxBytes: settings.maxUploadBytes, policy }).with(...layers);
  const isLimited =
    options.maxUploadBytes !== undefined || isVariableSet(env, storageVariables.maxUploadBytes.name);
  configurations.set(storage.observers, { detection, settings, isLimited });
  return storage;
}

/** Which backend {@link easyStorage} chose and why, also of a storage derived from its own; `undefined` for a storage made by hand. */
export function configurationOf(storage: Storage): StorageConfiguration | undefined {
  return configurations.get(storage.observers);
}
