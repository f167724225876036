import type { CursorSeal } from "../../contract/cursor-seal.js";
import type { BlockPool } from "./block-pool.js";
import type { AzureClient } from "./client.js";
import type { DelegationKeys } from "./delegation-keys.js";

/** All that the verbs of one backend share. */
export interface AzureAccess {
  readonly client: AzureClient;
  /** Keys that sign URLs where there is no account key. */
  readonly delegationKeys: DelegationKeys;
  /** Seals the cursors of listings. */
  readonly seal: CursorSeal;
  readonly pool: BlockPool;
  /** Milliseconds that a reader may let the service wait. */
  readonly idleMs: number;
  /** Largest object that is copied in one request, in bytes. */
  readonly copiedAtOnceBytes: number;
  /** Bytes of a step of a larger copy. */
  readonly copiedStepBytes: number;
}
