import type { AzureTokenCredential } from "./token-credential.js";

export interface AzureBackendOptions {
  /** It must exist. */
  readonly container: string;
  /** Account, key and endpoint in one, as the portal shows it; beats all of them. */
  readonly connectionString?: string | undefined;
  readonly account?: string | undefined;
  /** Key of the account; without it tokens are used. */
  readonly accountKey?: string | undefined;
  /** Gives tokens when there is no key; by default the chain of `@azure/identity`. */
  readonly credential?: AzureTokenCredential | undefined;
  /** The account's blob service, when it is not `https://{account}.blob.core.windows.net`. */
  readonly endpoint?: string | undefined;
  /** Seals the cursors of listings when there is no key, so that other processes can read them; else a random one does. */
  readonly secrets?: readonly string[] | undefined;
  /** Bytes of a block, 64 KiB to 100 MiB; 2 MiB by default. An object has 40,000 blocks at most. */
  readonly blockBytes?: number | undefined;
  /** Blocks of one object that are on their way at once; 3 by default. One more is being filled. */
  readonly blocksAtOnce?: number | undefined;
  /** Milliseconds that a reader may let the service wait before the connection is given up; 10,000 by default. */
  readonly idleBodyMs?: number | undefined;
}
