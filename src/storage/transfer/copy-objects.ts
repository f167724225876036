import type { Storage } from "../storage.js";
import { Transfer } from "./transfer.js";
import type { TransferState } from "./transfer-progress.js";

/** Options of {@link copyObjects}. */
export interface CopyObjectsOptions {
  /** Only keys that begin with this plain string. Default: all. */
  readonly prefix?: string | undefined;
  /** Objects that are copied at once. Default: 8. */
  readonly concurrency?: number | undefined;
  /** Whether everything at the target is read back and compared. Default: false. */
  readonly verify?: boolean | undefined;
  /** Stops the copy; run again it goes on, as what the target has already is not copied again. */
  readonly signal?: AbortSignal | undefined;
  /** Told of every object that was copied. */
  readonly onCopied?: (key: string, bytes: number) => void;
}

/**
 * Copies every object of one storage into another that has not got it yet, as `svc-infra storage copy` does. Nothing is
 * removed at the target.
 *
 * @returns what was done; an object that failed is in `failures` and keeps no other one from being copied.
 * @throws StorageError when an end cannot be listed or nothing succeeds any more.
 * @example
 * const { copied, failures } = await copyObjects(oldStorage, newStorage, { prefix: "invoices/" });
 */
export async function copyObjects(
  source: Storage,
  target: Storage,
  options: CopyObjectsOptions = {},
): Promise<TransferState> {
  const { prefix = "", concurrency = 8, verify = false, onCopied } = options;
  const { signal = new AbortController().signal } = options;
  const transfer = new Transfer({
    source,
    target,
    prefix,
    concurrency,
    isVerified: verify,
    isDryRun: false,
    journal: undefined,
    signal,
    ...(onCopied === undefined ? {} : { onCopied }),
  });
  await transfer.run();
  return transfer.state;
}
