import type { FastifyInstance, FastifyRequest } from "fastify";
import { readEnvironment } from "../../../kernel/index.js";
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

/** The app's rules of the storage that was added first. */
const firstRules = Symbol("svc-infra.uploadRules");

/** Keeps what `addStorage` was given or found. */
export function setUploadRules(app: FastifyInstance, storage: Storage, own: UploadRules): void {
  rules.set(storage, own);
  if (!app.hasDecorator(firstRules)) app.decorate(firstRules, own);
}

/**
 * The rules of a storage; of a tenant's part, or one that was derived, those of `app.storage`, else of the storage that was
 * added first.
 */
export function uploadRulesOf({ server }: FastifyRequest, storage: StorageFiles): UploadRules {
  const own = rules.get(storage);
  if (own !== undefined) return own;
  const main: unknown = Object(server).storage;
  const first: UploadRules | undefined = Object(server)[firstRules];
  return (main instanceof Storage ? rules.get(main) : undefined) ?? first ?? noRules();
}

function noRules(): UploadRules {
  return { maxBytes: defaultMaxUploadBytes(readEnvironment()), ...noRates };
}
