export { type Authorize, bearerToken, type Permission, type StorageRoute } from "./authorize.js";
export { addStorage, getStorage, type StoragePluginOptions, storagePlugin } from "./plugin.js";
export type { AddStorageOptions } from "./plugin-options.js";
export { type LoggedRequest, loggedRequest, withoutSignature } from "./request-log.js";
export type { StorageSource } from "./source.js";
