import { type ConfigurationProblem, type Environment, findForeignAddress } from "../kernel/index.js";
import { type BackendType, backendRows, backendVariables } from "./backends.js";
import type { ConfiguredRow } from "./contract/backend-row.js";

interface Sent {
  readonly credentials?: readonly string[];
  readonly credentialFiles?: readonly string[];
  readonly alsoSent?: readonly string[];
}

/**
 * Finds an endpoint of a `.env` file that would get credentials from elsewhere, also those that the SDK finds by itself or that the
 * credentials of the file refer to.
 */
export async function findForeignEndpoint(
  type: BackendType,
  env: Environment,
  options: object,
  configured: ConfiguredRow,
): Promise<readonly ConfigurationProblem[]> {
  const { credentials, credentialFiles = [], alsoSent = [] }: Sent = backendRows[type];
  if (credentials === undefined) return [];
  const own = new Map<string, unknown>(Object.entries(configured.own));
  const isFound = [...credentials, ...credentialFiles].every((name) => own.get(name) === undefined);
  const refers = await configured.refersToOthers();
  return findForeignAddress(backendVariables[type], env, options, {
    ...(await configured.namedEndpoint()),
    secrets: [...credentials, ...alsoSent],
    files: credentialFiles,
    others: [...(isFound ? ["the credentials"] : []), ...(refers ? ["what the credentials refer to"] : [])],
  });
}
