export { getStorage } from "./get-storage.js";
export { addStorage, type StoragePluginOptions, storagePlugin } from "./plugin.js";
export type { AddStorageOptions, PublicFilesRules } from "./plugin-options.js";
export type { RateLimits } from "./rate-limit.js";
export {
  type Authorize,
  bearerToken,
  type Permission,
  type StorageRoute,
  type TenantPermission,
} from "./routes/authorize.js";
export type { StorageSource } from "./source.js";
export type { IncomingFile } from "./upload/incoming-form.js";
export {
  type ReceivedFile,
  type ReceivedUpload,
  type ReceiveUploadOptions,
  receiveUpload,
} from "./upload/receive-upload.js";
