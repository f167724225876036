import { AccessBackend, type Verbs, withoutUploads } from "../../contract/access-backend.js";
import { connectionsRange, idleMsRange } from "../../contract/response-body.js";
import { checkStorageOptions, type OptionRules } from "../../contract/storage-options.js";
import type { CloudinaryAccess } from "./access.js";
import { copyObject } from "./copy.js";
import { listObjects } from "./list.js";
import { type CloudinaryBackendOptions, openAccess } from "./options.js";
import { readObject } from "./read.js";
import { removeObject, removeObjects } from "./remove.js";
import { signUpload, signUrl } from "./sign.js";
import { statObject } from "./stat.js";
import { writeObject } from "./write.js";

const verbs: Verbs<CloudinaryAccess> = {
  stat: statObject,
  read: readObject,
  write: writeObject,
  copy: copyObject,
  remove: removeObject,
  removeMany: removeObjects,
  list: listObjects,
  sign: signUrl,
  signUpload,
  ...withoutUploads,
  close: ({ client }) => client.close(),
};

/** What Cloudinary documents; what it does not is not imitated. */
export const cloudinaryCapabilities = {
  signGet: true,
  signPut: false,
  signSize: false,
  ifAbsent: false,
  ifMatch: false,
  multipart: false,
  conditionalComplete: false,
  exactDelete: false,
  conditionalRemove: false,
  conditionalCopySource: false,
  transform: true,
  direct: "whole",
  maxBytes: Number.MAX_SAFE_INTEGER,
  minPartBytes: 1,
} as const;

const rules: OptionRules<CloudinaryBackendOptions> = {
  call: "new CloudinaryBackend",
  kinds: {
    url: "string",
    cloudName: "string",
    apiKey: "string",
    apiSecret: "string",
    endpoint: "string",
    signatureAlgorithm: "string",
    folder: "string",
    delivery: "string",
    authTokenKey: "string",
    cdnUrl: "string",
    chunkBytes: "integer",
    maxConnections: "integer",
    idleBodyMs: "integer",
  },
  ranges: {
    chunkBytes: [5 * 1024 * 1024, Number.MAX_SAFE_INTEGER],
    maxConnections: connectionsRange,
    idleBodyMs: idleMsRange,
  },
  instead: { cloud_name: "cloudName", api_key: "apiKey", api_secret: "apiSecret" },
};

/**
 * Keeps objects with Cloudinary: images and videos by the extension of their keys, everything else as raw files.
 * Everything is of the delivery type `authenticated`: nothing is read without a signature.
 */
export class CloudinaryBackend extends AccessBackend<CloudinaryAccess, typeof cloudinaryCapabilities> {
  readonly name = "CloudinaryBackend";
  readonly type = "cloudinary";

  /** @throws StorageConfigurationError naming what is missing or wrong. */
  constructor(options: CloudinaryBackendOptions = {}) {
    checkStorageOptions(options, rules);
    super({
      access: openAccess(options),
      verbs,
      capabilities: cloudinaryCapabilities,
      addressVariables: "STORAGE_CLOUDINARY_ENDPOINT if it is set",
    });
  }
}
