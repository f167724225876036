export type { Content } from "./content/content.js";
export type { Digest } from "./content/digest-check.js";
export type { FileBody } from "./content/file-body.js";
export { abortable } from "./contract/abortable.js";
export type {
  Body,
  ByteRange,
  Bytes,
  CallOptions,
  Capabilities,
  ContentFields,
  CopyOptions,
  DirectOptions,
  DirectRequest,
  Failure,
  Layer,
  LazyUrl,
  ListedObject,
  ListOptions,
  ListPage,
  ObjectDescription,
  ObjectStat,
  OpenedObject,
  ReadOptions,
  RemoveFailure,
  RemoveOptions,
  SignOptions,
  StorageBackend,
  UnfinishedUpload,
  UploadedPart,
  WriteConditions,
  WriteOptions,
} from "./contract/backend.js";
export type { RetryOptions } from "./contract/backoff.js";
export type {
  AttemptFacts,
  BodyErrorFacts,
  BodyFacts,
  OperationFacts,
  ScanFacts,
} from "./contract/channels.js";
export { type Checksum, checksumOf, isChecksum } from "./contract/checksum.js";
export { descriptionOf } from "./contract/description.js";
export * from "./contract/error.js";
export {
  isKey,
  type Key,
  maxKeyLength,
  type Prefix,
  parseKey,
  parsePrefix,
  safeKey,
} from "./contract/key.js";
export type { Metadata } from "./contract/metadata.js";
export type { PublicFilesOptions } from "./contract/public-files.js";
export { RetryBudget } from "./contract/retry-budget.js";
export {
  type UrlRefusal,
  UrlSigner,
  type UrlSignerOptions,
  type UrlVerdict,
  type VerifiedUrl,
} from "./contract/signed-url.js";
export type { Transform, TransformFit, TransformFormat } from "./contract/transform.js";
export { announce, type ObjectNews } from "./layers/announce.js";
export { chaos } from "./layers/chaos.js";
export type { ChaosOptions, FaultKind } from "./layers/fault-plan.js";
export { type BackendCall, LayerBackend, type Next, type Verb } from "./layers/layer-backend.js";
export { type MetricsSink, metrics, type OperationEvent } from "./layers/metrics.js";
export { prefix } from "./layers/prefix.js";
export { publicFiles } from "./layers/public-files.js";
export { retry } from "./layers/retry.js";
export { signing } from "./layers/signing.js";
export { type StackOptions, stack } from "./layers/stack.js";
export { timeout } from "./layers/timeout.js";
export type { MultipartUpload } from "./multipart-upload.js";
export type * from "./options.js";
export { Storage } from "./storage.js";
export { StorageFiles } from "./storage-files.js";
export { TenantStorage } from "./tenant-storage.js";
export { type CopyObjectsOptions, copyObjects } from "./transfer/copy-objects.js";
export type { TransferState } from "./transfer/transfer-progress.js";
export type { PreparedPart, PreparedUpload } from "./uploads/prepare.js";
export type { SweepOptions, SweepReport } from "./uploads/sweep.js";
