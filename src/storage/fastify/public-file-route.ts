import { type Environment, loadSettings } from "../../kernel/index.js";
import { InvalidArgumentError } from "../contract/error.js";
import { parseKey } from "../contract/key.js";
import { PublicFiles } from "../contract/public-files.js";
import { configurationOf } from "../easy-storage.js";
import { publicFiles } from "../layers/public-files.js";
import { storageVariables } from "../settings.js";
import type { Storage } from "../storage.js";
import { toReadUrlOptions } from "../url-options.js";
import { type PublicFilesRules, wrong } from "./plugin-options.js";

/** @throws StorageConfigurationError for rules that are none, whether or not a file route is mounted. */
export function checkPublicFiles(rules: false | PublicFilesRules | undefined): void {
  if (rules === false || rules === undefined) return;
  if (typeof rules !== "object" || rules === null || Array.isArray(rules)) {
    throw wrong('publicFiles must be false or rules, as in { prefixes: ["public/"] }');
  }
  const { prefixes, maxAge = 3600, immutable = false } = rules;
  const unknown = Object.keys(rules).find((name) => !["prefixes", "maxAge", "immutable"].includes(name));
  if (unknown !== undefined) {
    throw wrong(`publicFiles has no option '${unknown}'; it takes prefixes, maxAge and immutable`);
  }
  if (!Number.isSafeInteger(maxAge) || maxAge < 0) {
    throw wrong("publicFiles.maxAge must be a whole number of seconds");
  }
  if (typeof immutable !== "boolean") throw wrong("publicFiles.immutable must be a boolean");
  new PublicFiles({ url: "http://localhost", prefixes });
}

/** The files that the file route serves to everyone. */
export interface PublicFileRoute {
  readonly files: PublicFiles;
  /** What is answered for files that have none of their own. */
  readonly cacheControl: string;
}

/** The files that are declared public: by the option, else by the settings of the storage. */
export async function publicFileRoute(
  storage: Storage,
  rules: false | PublicFilesRules | undefined,
  env: Environment,
): Promise<PublicFileRoute | undefined> {
  const { publicUrl, publicPrefixes } = configurationOf(storage)?.settings ?? readSettings(env);
  const isDeclared = rules !== undefined || publicUrl !== undefined || publicPrefixes !== undefined;
  const signer = await storage.backend.signer();
  if (!isDeclared || rules === false || signer === undefined) return undefined;
  const prefixes = rules?.prefixes ?? publicPrefixes;
  const files = new PublicFiles({ url: () => signer.baseUrl, prefixes });
  return { files, cacheControl: cacheControlOf(rules ?? {}) };
}

/** The storage with permanent URLs of the file route, unless it has others already. */
export function withPublicUrls(storage: Storage, { files }: PublicFileRoute): Storage {
  return storage.capabilities.publicUrls === true ? storage : storage.with(publicFiles(files));
}

/**
 * A storage that was given has the prefixes that it was made with.
 *
 * @throws StorageConfigurationError where it has permanent URLs and none below a prefix of the option.
 */
export async function checkPublicUrls(
  storage: Storage,
  rules: false | PublicFilesRules | undefined,
): Promise<void> {
  if (rules === false || storage.capabilities.publicUrls !== true) return;
  for (const prefix of rules?.prefixes ?? []) {
    try {
      // The backend is asked, not the storage: observers are not told of a probe.
      await storage.backend.sign(parseKey(`${prefix}a`), toReadUrlOptions({ public: true }));
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      throw wrong(
        `publicFiles has the prefix '${prefix}', and the storage that was given has no permanent URLs below it; name it in STORAGE_PUBLIC_PREFIXES (option publicPrefixes of easyStorage) or in the layer publicFiles as well`,
      );
    }
  }
}

function cacheControlOf({ maxAge = 3600, immutable = false }: PublicFilesRules): string {
  return immutable ? "public, max-age=31536000, immutable" : `public, max-age=${maxAge}`;
}

function readSettings(env: Environment) {
  const { publicUrl, publicPrefixes } = storageVariables;
  return loadSettings({ publicUrl, publicPrefixes }, env);
}
