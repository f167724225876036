import type { GcsClient } from "./client.js";
import type { Identity } from "./identity.js";
import type { Paths } from "./paths.js";

/** All that the verbs of one backend share. */
export interface GcsAccess {
  readonly client: GcsClient;
  readonly paths: Paths;
  readonly identity: Identity;
  /** Where IAM is asked to sign when there is no key. */
  readonly iamEndpoint: string;
  /** Milliseconds that a reader may let the service wait. */
  readonly idleMs: number;
  /** Sessions that were given up and are being cancelled; `close` waits for them. */
  readonly endings: Set<Promise<void>>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}
