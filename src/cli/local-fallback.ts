import { backendVariables } from "../storage/backends.js";
import type { Fallback } from "../storage/from-env.js";

/** Where the commands keep files when nothing says where. */
export const defaultFolder = "./.data/storage";

/** What `serve` uses when nothing names a backend, and so what the other commands look at. */
export const localFallback: Fallback = {
  type: "local",
  reason: `nothing is set, so \`serve\` keeps files in ${defaultFolder}`,
  defaults: { [backendVariables.local.basePath.name]: defaultFolder },
};
