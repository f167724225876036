export { CloudinaryBackend } from "./backend.js";
export type { CloudinaryBackendOptions } from "./options.js";
