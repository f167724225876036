export type {
  Body,
  ByteRange,
  Bytes,
  CallOptions,
  Capabilities,
  CopyOptions,
  Failure,
  Layer,
  ListedObject,
  ListOptions,
  ListPage,
  ObjectDescription,
  ObjectStat,
  OpenedObject,
  ReadOptions,
  RemoveFailure,
  SignOptions,
  StorageBackend,
  UploadedPart,
  WriteConditions,
  WriteOptions,
} from "./backend.js";
export { type Checksum, checksumOf, isChecksum } from "./checksum.js";
export type { Content } from "./content.js";
export * from "./error.js";
export type { FileBody } from "./file-body.js";
export { isKey, type Key, maxKeyLength, type Prefix, parseKey, parsePrefix, safeKey } from "./key.js";
export { prefix } from "./layers/prefix.js";
export type { Metadata } from "./metadata.js";
export type { MultipartUpload } from "./multipart-upload.js";
export type * from "./options.js";
export { UrlSigner, type UrlSignerOptions, type VerifiedUrl } from "./signed-url.js";
export { Storage } from "./storage.js";
