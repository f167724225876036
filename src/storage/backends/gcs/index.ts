export { GcsBackend } from "./backend.js";
export type { GcsBackendOptions } from "./options.js";
