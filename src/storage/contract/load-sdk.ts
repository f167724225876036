import { StorageConfigurationError } from "./error.js";

/** A provider's package that a backend cannot do without. */
export interface ProviderPackage<Sdk> {
  /** The backend, as STORAGE_BACKEND names it. */
  readonly backend: string;
  /** As npm names it. */
  readonly name: string;
  /** Imports it. */
  readonly load: () => Promise<Sdk>;
  /** What to do instead of installing it, as the end of a sentence. */
  readonly otherwise?: string | undefined;
  /** What is wrong when the package is there and cannot be loaded. Default: the error of the package. */
  readonly brokenMessage?: string | undefined;
}

/**
 * Loads a provider's package with the first call that needs it, so that a process without such a backend never does.
 *
 * @throws StorageConfigurationError where it is not installed: a missing package is a configuration error.
 */
export async function loadSdk<Sdk>(provider: ProviderPackage<Sdk>): Promise<Sdk> {
  const { backend, name, load, otherwise = "", brokenMessage } = provider;
  try {
    return await load();
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
    const message = isMissing
      ? `the ${backend} backend needs a package that is not installed: npm install ${name}${otherwise}`
      : brokenMessage;
    if (message === undefined) throw error;
    throw new StorageConfigurationError({ message, cause: error });
  }
}
