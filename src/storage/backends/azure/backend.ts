import { AccessBackend, type Verbs } from "../../contract/access-backend.js";
import type { Capabilities } from "../../contract/backend.js";
import { idleMsRange } from "../../contract/response-body.js";
import { checkStorageOptions, type OptionRules } from "../../contract/storage-options.js";
import type { AzureAccess } from "./access.js";
import { copyObject } from "./copy.js";
import { listObjects } from "./list.js";
import { type AzureBackendOptions, openAccess } from "./options.js";
import { readObject } from "./read.js";
import { removeObject, removeObjects } from "./remove.js";
import * as signing from "./sign.js";
import { statObject } from "./stat.js";
import { addressVariables } from "./translate.js";
import { allRecords } from "./upload-record.js";
import * as uploads from "./uploads.js";
import { writeObject } from "./write.js";

const verbs: Verbs<AzureAccess> = {
  stat: statObject,
  read: readObject,
  write: writeObject,
  copy: copyObject,
  remove: removeObject,
  removeMany: removeObjects,
  list: listObjects,
  ...signing,
  ...uploads,
  unfinished: ({ client }, options) => allRecords(client, options),
  close: async ({ client }) => client.close(),
};

/**
 * `signPut` is `false`: a shared access signature does not bind the content type of an upload, so a URL could not say
 * what may be uploaded with it.
 */
const fixedCapabilities = {
  signGet: true,
  signPut: false,
  signSize: false,
  ifAbsent: true,
  ifMatch: true,
  multipart: true,
  conditionalComplete: true,
  exactDelete: true,
  conditionalRemove: true,
  conditionalCopySource: true,
  transform: false,
  direct: "parts",
  minPartBytes: 1,
} as const;

/** Blocks that a blob may have, less those that the ends of 10,000 parts may waste. */
const usableBlocks = 40_000;

/** `maxBytes` is what as many blocks can hold as an object may have. */
type AzureCapabilities = typeof fixedCapabilities & Pick<Capabilities, "maxBytes">;

const rules: OptionRules<AzureBackendOptions> = {
  call: "new AzureBackend",
  kinds: {
    container: "string",
    connectionString: "string",
    account: "string",
    accountKey: "string",
    credential: "object",
    endpoint: "string",
    secrets: "array",
    blockBytes: "integer",
    blocksAtOnce: "integer",
    idleBodyMs: "integer",
  },
  ranges: {
    blockBytes: [65_536, 104_857_600],
    blocksAtOnce: [1, 100],
    idleBodyMs: idleMsRange,
  },
  needed: ["container"],
  instead: { accountName: "account", containerName: "container", key: "accountKey" },
};

/** Keeps objects in a container of Azure Blob Storage, by its official SDK. */
export class AzureBackend extends AccessBackend<AzureAccess, AzureCapabilities> {
  readonly name = "AzureBackend";
  readonly type = "azure";

  /** @throws StorageConfigurationError naming the variable or option at fault. */
  constructor(options: AzureBackendOptions) {
    checkStorageOptions(options, rules);
    const access = openAccess(options);
    const capabilities = { ...fixedCapabilities, maxBytes: usableBlocks * access.pool.blockBytes };
    super({ access, verbs, capabilities, addressVariables });
  }
}
