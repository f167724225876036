import type { UrlSigner } from "../contract/signed-url.js";
import type { PolicyOptions } from "./policy-options.js";

type Rules = PolicyOptions | readonly PolicyOptions[] | undefined;

/** The rules of each file route that honours URLs of a signer. */
const served = new WeakMap<UrlSigner, Set<ReadonlySet<PolicyOptions>>>();

/**
 * Registers the policies that a file route applies to uploads by a signer's URLs.
 *
 * @returns the function that removes them, for when the route is closed.
 */
export function servePolicy(signer: UrlSigner, policy: Rules): () => void {
  const rules = new Set([policy ?? []].flat());
  const routes = served.get(signer) ?? new Set();
  served.set(signer, routes.add(rules));
  return () => void routes.delete(rules);
}

/** Whether there is a file route for the URLs of a signer, and each checks by all of these rules. */
export function isServedWith(signer: UrlSigner, policy: Rules): boolean {
  const routes = [...(served.get(signer) ?? [])];
  return routes.length > 0 && routes.every((rules) => [policy ?? []].flat().every((each) => rules.has(each)));
}
