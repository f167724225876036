import { isProtected } from "./protected-address.js";

/**
 * Whether a service may send on to another address of its own choosing, as by a redirect or for an upload session: to the host
 * that was asked or one of its provider's domains, and over TLS, or to this machine where this machine was asked.
 */
export function isKnownAddress(to: URL, from: URL, domains: readonly string[]): boolean {
  if (to.hostname === from.hostname) return to.protocol === "https:" || to.protocol === from.protocol;
  if (to.protocol !== "https:") return to.protocol === "http:" && isLocal(to) && isLocal(from);
  return domains.some((domain) => to.hostname === domain || to.hostname.endsWith(`.${domain}`));
}

function isLocal({ hostname }: URL): boolean {
  return isProtected({ protocol: "http:", hostname });
}
