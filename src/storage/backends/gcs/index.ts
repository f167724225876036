export { GcsBackend, type GcsBackendOptions } from "./backend.js";
