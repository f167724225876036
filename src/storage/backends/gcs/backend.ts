import { AccessBackend, type Verbs } from "../../contract/access-backend.js";
import { idleMsRange } from "../../contract/response-body.js";
import { checkStorageOptions, type OptionRules } from "../../contract/storage-options.js";
import type { GcsAccess } from "./access.js";
import { addressVariables } from "./answer-error.js";
import { copyObject } from "./copy.js";
import { listObjects } from "./list.js";
import { type GcsBackendOptions, openAccess } from "./options.js";
import { readObject } from "./read.js";
import { removeObject, removeObjects } from "./remove.js";
import * as signing from "./sign.js";
import { statObject } from "./stat.js";
import * as uploads from "./uploads.js";
import { writeObject } from "./write.js";

const verbs: Verbs<GcsAccess> = {
  stat: statObject,
  read: readObject,
  write: writeObject,
  copy: copyObject,
  remove: removeObject,
  removeMany: removeObjects,
  list: listObjects,
  ...signing,
  ...uploads,
  unfinished: uploads.unfinishedUploads,
  async close({ client, endings }) {
    await Promise.all(endings);
    await client.close();
  },
};

/** Everything; the largest object has 5 TiB, and parts may be as small as one likes. */
export const gcsCapabilities = {
  signGet: true,
  signPut: true,
  signSize: false,
  ifAbsent: true,
  ifMatch: true,
  multipart: true,
  conditionalComplete: true,
  // Deletions of one object are in an order, and all but the first are answered 404.
  exactDelete: true,
  conditionalRemove: true,
  conditionalCopySource: true,
  transform: false,
  direct: "whole",
  maxBytes: 5 * 1024 ** 4,
  minPartBytes: 1,
} as const;

const rules: OptionRules<GcsBackendOptions> = {
  call: "new GcsBackend",
  kinds: {
    bucket: "string",
    project: "string",
    credentialsPath: "string",
    credentials: "string|object",
    endpoint: "string",
    iamEndpoint: "string",
    allowPlainHttp: "boolean",
    idleBodyMs: "integer",
    now: "function",
  },
  ranges: {
    idleBodyMs: idleMsRange,
  },
  needed: ["bucket"],
  instead: { keyFilename: "credentialsPath", projectId: "project", apiEndpoint: "endpoint" },
};

/** Keeps objects in a bucket of Google Cloud Storage. Nothing is reached, and no SDK loaded, before the first call. */
export class GcsBackend extends AccessBackend<GcsAccess, typeof gcsCapabilities> {
  readonly name = "GcsBackend";
  readonly type = "gcs";

  /** @throws StorageConfigurationError for an endpoint to which tokens would be sent in plain. */
  constructor(options: GcsBackendOptions) {
    checkStorageOptions(options, rules);
    super({ access: openAccess(options), verbs, capabilities: gcsCapabilities, addressVariables });
  }
}
