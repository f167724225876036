import { InvalidArgumentError } from "commander";
import { loadSettings, readEnvironment, withDefaults } from "../../kernel/index.js";
import { easyStorage } from "../../storage/easy-storage.js";
import type { Storage } from "../../storage/index.js";
import { Interrupt } from "../interrupt.js";
import { localFallback } from "../local-fallback.js";
import { serveVariables, urlOf } from "../serve-settings.js";

/** What a command of the storage works with. */
export interface StorageSession {
  readonly storage: Storage;
  /** Fires at Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Opens the storage that `serve` would use, with its URLs, for one command, and closes it. */
export async function withStorage(work: (session: StorageSession) => Promise<void>): Promise<void> {
  const env = readEnvironment();
  const baseUrl = `${urlOf(loadSettings(serveVariables, env))}/files`;
  const storage = await easyStorage({}, withDefaults(env, { STORAGE_BASE_URL: baseUrl }), localFallback);
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
