export { easyServiceApp, type ServiceApp, type ServiceAppOptions, startService } from "./app/index.js";
export {
  type AddAuthUsersOptions,
  addAuthUsers,
  authUsersPlugin,
  getAuthUsers,
  getCurrentUser,
  requireRole,
  requireScope,
  requireUser,
  tenantFiles,
  userFiles,
} from "./auth/index.js";
export { type AddCacheOptions, addCache, cachePlugin, getCache } from "./cache/index.js";
export {
  type AddEventsOptions,
  addEvents,
  defineEvent,
  eventsPlugin,
  getEvents,
  objectEvents,
  onEvent,
} from "./events/index.js";
export { type LoggedRequest, loggedRequest, withoutSignature } from "./http/index.js";
export { type AddIdempotencyOptions, addIdempotency, idempotencyPlugin } from "./idempotency/index.js";
export { defineJob } from "./jobs/define-job.js";
export { easyJobs } from "./jobs/easy-jobs.js";
export { type AddJobsOptions, addJobs, getJobs, jobsPlugin } from "./jobs/plugin.js";
export { type AddMailOptions, addMail, getMail, mailJobs, mailPlugin } from "./mail/index.js";
export { type AddMongoDbOptions, addMongoDb, getMongoDb, mongoPlugin } from "./mongo/index.js";
export {
  addObservability,
  getObservability,
  type ObservabilityOptions,
  observabilityPlugin,
} from "./observability/index.js";
export { type AddPaymentsOptions, addPayments, getPayments } from "./payments/index.js";
export { type AddSqlDbOptions, addSqlDb, getSqlDb, sqlPlugin } from "./sql/plugin.js";
export { addCrud } from "./sql/routes/add-crud.js";
export type { CrudOptions } from "./sql/routes/crud-options.js";
export { easyStorage } from "./storage/easy-storage.js";
export {
  type AddStorageOptions,
  type Authorize,
  addStorage,
  bearerToken,
  getStorage,
  type IncomingFile,
  type Permission,
  type PublicFilesRules,
  type RateLimits,
  type ReceivedFile,
  type ReceivedUpload,
  type ReceiveUploadOptions,
  receiveUpload,
  type StoragePluginOptions,
  type StorageRoute,
  type StorageSource,
  storagePlugin,
  type TenantPermission,
} from "./storage/fastify/index.js";
export { type Detection, detectBackend } from "./storage/from-env.js";
export type { EasyStorageOptions } from "./storage/settings.js";
export {
  type AddTenancyOptions,
  addTenancy,
  getTenancy,
  requireTenant,
  tenancyPlugin,
} from "./tenancy/index.js";
export { type VersionOptions, version } from "./versioning/index.js";
export {
  type AddWebhooksOptions,
  addWebhooks,
  getWebhooks,
  requireSignature,
  webhooksPlugin,
} from "./webhooks/index.js";
