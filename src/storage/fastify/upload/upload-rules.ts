import type { FastifyRequest } from "fastify";
import { Storage } from "../../storage.js";
import type { StorageFiles } from "../../storage-files.js";
import { defaultMaxUploadBytes } from "../plugin-options.js";
import { noRates, type RateChecks } from "../rate-limit.js";

/** What uploads over HTTP must keep to besides the policy, also on the app's own routes. */
export interface UploadRules extends RateChecks {
  /** Most bytes of one upload. */
  readonly maxBytes: number;
}

/** By the storage that `addStorage` answered. */
const rules = new WeakMap<StorageFiles, UploadRules>();

/** Keeps what `addStorage` was given or found. */
export function setUploadRules(storage: Storage, own: UploadRules): void {
  rules.set(storage, own);
}

/** The rules of a storage; of a tenant's part, or one that was derived, those of the app's own storage. */
export function uploadRulesOf({ server }: FastifyRequest, storage: StorageFiles): UploadRules {
  const own = rules.get(storage);
  if (own !== undefined) return own;
  const main: unknown = Object(server).storage;
  return (main instanceof Storage ? rules.get(main) : undefined) ?? noRules();
}

function noRules(): UploadRules {
  return { maxBytes: defaultMaxUploadBytes(), ...noRates };
}
