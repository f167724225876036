import { StorageConfigurationError } from "../../contract/error.js";

/** Loaded with the first call, so that a process without such a backend never does, and its absence has a name. */
export async function loadSdk(): Promise<typeof import("@google-cloud/storage")> {
  try {
    return await import("@google-cloud/storage");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "ERR_MODULE_NOT_FOUND") throw error;
    const message =
      "the gcs backend needs a package that is not installed: npm install @google-cloud/storage";
    throw new StorageConfigurationError({ message, cause: error });
  }
}
