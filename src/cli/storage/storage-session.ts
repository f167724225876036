import { InvalidArgumentError } from "commander";
import { ConfigurationError, loadSettings, readEnvironment, withDefaults } from "../../kernel/index.js";
import { configurationOf, easyStorage } from "../../storage/easy-storage.js";
import type { Storage } from "../../storage/index.js";
import { publicFiles } from "../../storage/layers/public-files.js";
import { storageVariables } from "../../storage/settings.js";
import { Interrupt } from "../interrupt.js";
import { localFallback } from "../local-fallback.js";
import { serveVariables, urlOf } from "../serve-settings.js";

/** What a command of the storage works with. */
export interface StorageSession {
  readonly storage: Storage;
  /** Fires at Ctrl-C. */
  readonly signal: AbortSignal;
}

/**
 * Opens the storage that `serve` would use, with its URLs, for one command, and closes it.
 *
 * @throws ConfigurationError for memory, which has nothing of before and keeps nothing.
 */
export async function withStorage(work: (session: StorageSession) => Promise<void>): Promise<void> {
  const env = readEnvironment();
  const baseUrl = `${urlOf(loadSettings(serveVariables, env))}/files`;
  const storage = withPublicUrls(
    await easyStorage({}, withDefaults(env, { STORAGE_BASE_URL: baseUrl }), localFallback),
  );
  const interrupt = new Interrupt();
  const { signal } = interrupt;
  try {
    await work({ storage, signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    process.stderr.write("Interrupted.\n");
  } finally {
    interrupt.release();
    await storage.close();
  }
}

/** The URLs of the files that `serve` serves without a signature, where no other place of them is set. */
function withPublicUrls(storage: Storage): Storage {
  const { detection, settings } = configurationOf(storage) ?? {};
  if (detection?.type === "memory") {
    const message = `${detection.reason}, and memory ends with the command; expected a storage that stays`;
    throw new ConfigurationError([{ name: storageVariables.backend.name, message }]);
  }
  const { publicUrl, publicPrefixes: prefixes, baseUrl: url } = settings ?? {};
  if (publicUrl !== undefined || prefixes === undefined || url === undefined) return storage;
  return storage.with(publicFiles({ url, prefixes }));
}

/** What each of the commands says of where it looks. */
export const storageNote =
  "The storage is that of the environment and .env, as for `serve`; see `svc-infra env`.";

/** Reads an option that is a whole number from 1. */
export function wholeNumber(text: string): number {
  return wholeNumberTo(Number.MAX_SAFE_INTEGER)(text);
}

/** The same, up to a greatest number. */
export function wholeNumberTo(greatest: number): (text: string) => number {
  return (text) => {
    if (/^[1-9][0-9]{0,15}$/.test(text) && Number(text) <= greatest) return Number(text);
    const end = greatest === Number.MAX_SAFE_INTEGER ? "" : ` to ${greatest}`;
    throw new InvalidArgumentError(`Expected a whole number from 1${end}.`);
  };
}
