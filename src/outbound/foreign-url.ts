import { isIP } from "node:net";
import { ForeignError } from "./foreign-error.js";

/** What a foreign URL may look like. */
export interface UrlRules {
  /** Whether `http:` is taken besides `https:`. */
  readonly allowHttp: boolean;
  /** Ports that may be dialled. */
  readonly ports: readonly number[] | "any";
}

/**
 * Reads a URL that a stranger chose. The WHATWG parser brings every spelling of an IPv4 address (decimal, octal, hex,
 * full-width digits) to one form.
 *
 * @throws ForeignError (`url_refused`) that says which rule it breaks.
 */
export function parseForeignUrl(text: string | URL, { allowHttp, ports }: UrlRules): URL {
  if (!URL.canParse(String(text))) throw refused("it is not an absolute URL");
  const url = new URL(text);
  if (url.protocol !== "https:" && !(allowHttp && url.protocol === "http:")) {
    throw refused(allowHttp ? "it must begin with https: or http:" : "it must begin with https:");
  }
  if (url.username !== "" || url.password !== "") throw refused("it must hold no user name or password");
  const port = portOf(url);
  if (ports !== "any" && !ports.includes(port)) throw refused(`its port must be one of ${ports.join(", ")}`);
  url.hash = "";
  // The dot that may end a name is not part of it in TLS (RFC 6066 §3), nor in most hosts files.
  url.hostname = url.hostname.replace(/\.$/, "");
  if (url.hostname.endsWith(".")) throw refused("its host ends with two dots");
  return url;
}

/** The port that the URL names or its scheme implies. */
function portOf({ port, protocol }: URL): number {
  if (port !== "") return Number(port);
  return protocol === "https:" ? 443 : 80;
}

/** The host without the brackets of an IPv6 address. */
export function hostOf({ hostname }: URL): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}

/** True when the host is an address itself, so that no name is resolved. */
export function isAddress(host: string): boolean {
  return isIP(host) !== 0;
}

function refused(reason: string): ForeignError {
  return new ForeignError("url_refused", `the URL is refused: ${reason}`);
}
