import { AccessBackend, type Verbs } from "../../contract/access-backend.js";
import type { Capabilities } from "../../contract/backend.js";
import { StorageConfigurationError } from "../../contract/error.js";
import { maxMetadataBytes } from "../../contract/metadata.js";
import { connectionsRange, idleMsRange } from "../../contract/response-body.js";
import { checkStorageOptions, type OptionRules } from "../../contract/storage-options.js";
import type { S3Access } from "./access.js";
import { copyObject } from "./copy.js";
import { maxMarkBytes } from "./headers/metadata-headers.js";
import { maxAtOnceBytes, maxObjectBytes, minPartBytes } from "./limits.js";
import { listObjects } from "./list.js";
import { openAccess, type S3BackendOptions } from "./options.js";
import { readObject } from "./read.js";
import { removeObject, removeObjects } from "./remove.js";
import * as signing from "./sign.js";
import { statObject } from "./stat.js";
import { unfinishedUploads } from "./unfinished.js";
import * as uploads from "./uploads.js";
import { addressVariables } from "./wire/answer-error.js";
import { writeObject } from "./write.js";

const verbs: Verbs<S3Access> = {
  stat: statObject,
  read: readObject,
  write: writeObject,
  copy: copyObject,
  remove: removeObject,
  removeMany: removeObjects,
  list: listObjects,
  ...signing,
  ...uploads,
  unfinished: unfinishedUploads,
  close: ({ client }) => client.close(),
};

/** The services differ, so that most capabilities are known when one is chosen; none of them transforms. */
type S3Capabilities = Capabilities & { readonly transform: false };

const rules: OptionRules<S3BackendOptions> = {
  call: "new S3Backend",
  kinds: {
    bucket: "string",
    region: "string",
    endpoint: "string",
    provider: "string",
    accessKey: "string",
    secretKey: "string",
    sessionToken: "string",
    credentials: "anything",
    addressing: "string",
    encryption: "object",
    signPayload: "boolean",
    partBytes: "integer",
    partsAtOnce: "integer",
    maxConnections: "integer",
    idleBodyMs: "integer",
    now: "function",
  },
  ranges: {
    partBytes: [minPartBytes, maxAtOnceBytes],
    partsAtOnce: [1, 1000],
    maxConnections: connectionsRange,
    idleBodyMs: idleMsRange,
  },
  needed: ["bucket"],
  instead: {
    forcePathStyle: "addressing: 'path'",
    accessKeyId: "accessKey",
    secretAccessKey: "secretKey",
    client: "the options of the service: bucket, endpoint, accessKey, secretKey",
  },
};

/** One bucket of Amazon S3 or of a service that speaks its protocol, over the kit's own wire client. */
export class S3Backend extends AccessBackend<S3Access, S3Capabilities> {
  readonly name = "S3Backend";
  readonly type = "s3";

  /** @throws StorageConfigurationError naming the option at fault. */
  constructor(options: S3BackendOptions) {
    checkStorageOptions(options, rules);
    checkCredentials(options);
    const access = openAccess(options);
    super({ access, verbs, capabilities: capabilitiesOf(access, options), addressVariables });
  }
}

function capabilitiesOf({ traits }: S3Access, { encryption }: S3BackendOptions): S3Capabilities {
  // A client that has only the URL does not have the key.
  const isSignable = encryption?.type !== "sse-c";
  // A client would also omit the encryption headers, so the bucket default would apply.
  const isUploadSignable = encryption === undefined;
  return Object.freeze({
    signGet: isSignable,
    signPut: isUploadSignable,
    signSize: isUploadSignable,
    ifAbsent: traits.conditionalPut,
    ifMatch: traits.conditionalPut,
    multipart: true,
    conditionalComplete: traits.conditionalComplete,
    exactDelete: false,
    conditionalRemove: traits.conditionalRemove,
    conditionalCopySource: traits.conditionalCopySource,
    transform: false,
    direct: isUploadSignable ? "parts" : undefined,
    maxBytes: maxObjectBytes,
    minPartBytes,
    maxMetadataBytes: Math.min(maxMetadataBytes, traits.maxMetadataBytes - maxMarkBytes),
  });
}

/** Other libraries take the keys themselves under this name. */
function checkCredentials({ credentials }: S3BackendOptions): void {
  if (credentials === undefined || typeof credentials === "function") return;
  const message =
    "new S3Backend takes a function that answers credentials; write accessKey and secretKey for keys that stay";
  throw new StorageConfigurationError({ message });
}
