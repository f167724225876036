export { addStorage, getStorage, type StoragePluginOptions, storagePlugin } from "./plugin.js";
export type { AddStorageOptions } from "./plugin-options.js";
export { type Authorize, bearerToken, type Permission, type StorageRoute } from "./routes/authorize.js";
export type { StorageSource } from "./source.js";
