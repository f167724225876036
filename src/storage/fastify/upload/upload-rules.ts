import type { FastifyInstance, FastifyRequest } from "fastify";
import { readEnvironment } from "../../../kernel/index.js";
import type { OperationObservers } from "../../operation-observers.js";
import { Storage } from "../../storage.js";
import { observersOf, type StorageFiles } from "../../storage-files.js";
import { defaultMaxUploadBytes } from "../plugin-options.js";
import { noRates, type RateChecks } from "../rate-limit.js";

/** What uploads over HTTP must keep to besides the policy, also on the app's own routes. */
export interface UploadRules extends RateChecks {
  /** Most bytes of one upload. */
  readonly maxBytes: number;
}

/** By the observers of the storage that `addStorage` answered, which tenants' and derived storages share. */
const rules = new WeakMap<OperationObservers, UploadRules>();

/** The app's rules of the storage that was added first. */
const firstRules = Symbol("svc-infra.uploadRules");

/** Keeps what `addStorage` was given or found. */
export function setUploadRules(app: FastifyInstance, storage: Storage, own: UploadRules): void {
  rules.set(observersOf(storage), own);
  if (!app.hasDecorator(firstRules)) app.decorate(firstRules, own);
}

/** The rules of a storage, also of a part or a variant of it; of one that was not added, those of `app.storage` or the first one. */
export function uploadRulesOf({ server }: FastifyRequest, storage: StorageFiles): UploadRules {
  const own = rules.get(observersOf(storage));
  if (own !== undefined) return own;
  const main: unknown = Object(server).storage;
  const first: UploadRules | undefined = Object(server)[firstRules];
  return (main instanceof Storage ? rules.get(observersOf(main)) : undefined) ?? first ?? noRules();
}

function noRules(): UploadRules {
  return { maxBytes: defaultMaxUploadBytes(readEnvironment()), ...noRates };
}
