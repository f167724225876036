import { StorageConfigurationError } from "../../contract/error.js";

/** What a package exports; loaded with the first call, so that a process without such a backend never does. */
export function loadSdk(): Promise<typeof import("@azure/storage-blob")> {
  return load("@azure/storage-blob", () => import("@azure/storage-blob"));
}

/** Only where there is no key. */
export function loadIdentity(): Promise<typeof import("@azure/identity")> {
  return load("@azure/identity", () => import("@azure/identity"));
}

async function load<T>(name: string, loading: () => Promise<T>): Promise<T> {
  try {
    return await loading();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "ERR_MODULE_NOT_FOUND") throw error;
    const otherwise = name === "@azure/identity" ? ", or set STORAGE_AZURE_ACCOUNT_KEY" : "";
    const message = `the azure backend needs a package that is not installed: npm install ${name}${otherwise}`;
    throw new StorageConfigurationError({ message, cause: error });
  }
}
