import type { StorageBackend } from "../contract/backend.js";
import { configurationOf, easyStorage } from "../easy-storage.js";
import { Storage } from "../storage.js";
import { defaultMaxUploadBytes, type PluginSettings, uploadLimit, wrong } from "./plugin-options.js";
import type { Origin } from "./routes/route-context.js";

/** Where `addStorage` can take its storage from; nothing means the environment. */
export type StorageSource = Storage | StorageBackend | Promise<Storage | StorageBackend> | undefined;

/** A storage with what is known of how it came about. */
export interface ChosenStorage {
  readonly storage: Storage;
  readonly origin: Origin;
  /** Whether it was made here; any other one is its caller's until it has been added. */
  readonly isOwn: boolean;
  /** Whether its files are lost with the process although no setting asks for that. */
  readonly isLossy: boolean;
  /** Most bytes of one upload by HTTP. */
  readonly maxUploadBytes: number;
}

/** Makes or takes the storage and says why it is this one. */
export async function chooseStorage(
  source: StorageSource,
  settings: Pick<PluginSettings, "maxUploadBytes" | "policyBytes" | "publicFiles" | "env">,
): Promise<ChosenStorage> {
  const { publicFiles, env } = settings;
  const isOwn = source === undefined;
  const maxBytes = uploadLimit(settings);
  const publicPrefixes = publicFiles === false ? undefined : publicFiles?.prefixes;
  const given = await (source ?? easyStorage({ maxUploadBytes: maxBytes, publicPrefixes }, env));
  const storage = isBackend(given) ? new Storage(given, { maxBytes }) : given;
  if (!(storage instanceof Storage)) {
    throw wrong("the promise that it was given must resolve to a storage or a backend");
  }
  const configuration = configurationOf(storage);
  if (configuration === undefined) {
    const origin = { reason: "given in code", missing: [] };
    const maxUploadBytes = maxBytes ?? defaultMaxUploadBytes(env);
    return { storage, origin, isOwn, isLossy: false, maxUploadBytes };
  }
  const { detection, isLimited, settings: own } = configuration;
  const { reason, missing, type } = detection;
  const isLossy = type === "memory" && own.backend === undefined;
  const limit = isLimited ? uploadLimit(settings, own.maxUploadBytes) : maxBytes;
  const maxUploadBytes = limit ?? own.maxUploadBytes;
  return { storage, origin: { reason, missing }, isOwn, isLossy, maxUploadBytes };
}

/** Whether `addStorage` was given a source rather than its options. */
export function isSource(given: object | undefined): given is StorageSource {
  return given === undefined || given instanceof Storage || given instanceof Promise || isBackend(given);
}

/** Backends are known by their shape: there is nothing to inherit from. */
export function isBackend(source: unknown): source is StorageBackend {
  return typeof source === "object" && source !== null && "classify" in source && "write" in source;
}
