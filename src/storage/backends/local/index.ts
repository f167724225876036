export { LocalBackend, type LocalBackendOptions } from "./backend.js";
export type { Durability } from "./opening.js";
