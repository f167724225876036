import { randomBytes } from "node:crypto";
import { CursorSeal } from "../../contract/cursor-seal.js";
import { StorageConfigurationError } from "../../contract/error.js";
import { defaultIdleMs } from "../../contract/response-body.js";
import { checkSecret } from "../../contract/signed-url.js";
import type { AzureAccess } from "./access.js";
import { type AccountOptions, accountOf } from "./account.js";
import { BlockPool } from "./block-pool.js";
import { AzureClient } from "./client.js";
import { copyLimits } from "./copy.js";
import { DelegationKeys } from "./delegation-keys.js";

/** Options of {@link AzureBackend}. */
export interface AzureBackendOptions extends AccountOptions {
  /** It must exist. */
  readonly container: string;
  /** Seals the cursors of listings when there is no key, so that other processes can read them; else a random one does. */
  readonly secrets?: readonly string[] | undefined;
  /** Bytes of a block, 64 KiB to 100 MiB; 2 MiB by default. An object has 40,000 blocks at most. */
  readonly blockBytes?: number | undefined;
  /** Blocks of one object that are sent at once, while one more is filled. Default: 3. */
  readonly blocksAtOnce?: number | undefined;
  /** Milliseconds that a reader may let the service wait before the connection is given up; 10,000 by default. */
  readonly idleBodyMs?: number | undefined;
}

const defaultBlockBytes = 2_097_152;

/**
 * Makes all that the verbs share; reaches nothing.
 *
 * @throws StorageConfigurationError naming the variable or option at fault.
 */
export function openAccess(options: AzureBackendOptions): AzureAccess {
  const { container, blockBytes = defaultBlockBytes, blocksAtOnce = 3, secrets } = options;
  checkContainer(container);
  const account = accountOf(options);
  const { access } = account;
  const secret =
    "key" in access ? access.key : (secrets?.map(checkSecret)[0] ?? randomBytes(32).toString("hex"));
  const client = new AzureClient(account, container);
  return {
    client,
    delegationKeys: new DelegationKeys(client),
    seal: new CursorSeal(secret, "svc-infra-azure-cursor-1"),
    pool: new BlockPool({ blockBytes, blocksAtOnce }),
    idleMs: options.idleBodyMs ?? defaultIdleMs,
    ...copyLimits,
  };
}

/** "Naming and referencing containers, blobs, and metadata"; `$root` and the like begin with a sign of their own. */
function checkContainer(name: string): void {
  if (/^(?:\$root|\$web|(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9])$/.test(name)) return;
  throw new StorageConfigurationError({ message: "STORAGE_AZURE_CONTAINER is not the name of a container" });
}
