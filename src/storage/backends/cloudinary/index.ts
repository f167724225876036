export { CloudinaryBackend, type CloudinaryBackendOptions } from "./backend.js";
