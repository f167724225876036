import { StorageConfigurationError } from "../../contract/error.js";

/** What this backend takes from the official SDK: its signatures and its delivery URLs. */
export type CloudinarySdk = typeof import("cloudinary")["v2"];

/** Loaded with the first call, so that a process without such a backend never does, and its absence has a name. */
export async function loadSdk(): Promise<CloudinarySdk> {
  try {
    return (await import("cloudinary")).v2;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const isMissing = code === "ERR_MODULE_NOT_FOUND";
    // Loading the SDK reads CLOUDINARY_URL even where options are given, and fails when it is malformed.
    const message = isMissing
      ? "the cloudinary backend needs a package that is not installed: npm install cloudinary"
      : "the package cloudinary cannot be loaded; look at CLOUDINARY_URL";
    throw new StorageConfigurationError({ message, cause: error });
  }
}
