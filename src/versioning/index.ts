export { type ApiInfo, addApiDocs } from "./api-docs.js";
export type { VersionLifetime } from "./lifetime.js";
export { type VersionedApp, type VersionOptions, version } from "./version.js";
export { loadZodCompilers } from "./zod-schemas.js";
