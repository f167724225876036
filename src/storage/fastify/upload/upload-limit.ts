import type { FastifyRequest } from "fastify";
import { Storage } from "../../storage.js";
import type { StorageFiles } from "../../storage-files.js";
import { defaultMaxUploadBytes } from "../plugin-options.js";

/** Most bytes of one upload over HTTP, by the storage that `addStorage` answered. */
const limits = new WeakMap<StorageFiles, number>();

/** Keeps the limit that `addStorage` was given or found. */
export function setUploadLimit(storage: Storage, maxBytes: number): void {
  limits.set(storage, maxBytes);
}

/** The limit of a storage; of a tenant's part, or one that was derived, that of the app's own storage. */
export function uploadLimitOf({ server }: FastifyRequest, storage: StorageFiles): number {
  const own = limits.get(storage);
  if (own !== undefined) return own;
  const main: unknown = Object(server).storage;
  return (main instanceof Storage ? limits.get(main) : undefined) ?? defaultMaxUploadBytes();
}
