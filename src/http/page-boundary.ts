import type { IncomingHttpHeaders } from "node:http";
import type { FastifyRequest } from "fastify";
import { isLoopback } from "../kernel/index.js";
import { HttpError } from "./http-error.js";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Set on a route that has its own page boundary or needs none: that of the whole service leaves it alone. */
    ownPageBoundary?: true;
  }
}

/** What is known of a service whose routes pages of other origins must not call. */
export interface PageBoundaryOptions {
  /** Whether it asks for no credentials; then it answers to this machine only. */
  readonly isOpen: boolean;
  /** URLs of the service, besides loopback; each allows its host name and its origin. */
  readonly ownUrls: readonly string[];
  /** Origins, as `https://app.example.com`, whose pages may do what their users may. */
  readonly allowOrigins: readonly string[];
}

type Hook = (request: FastifyRequest) => Promise<void>;

/**
 * An `onRequest` hook that does not trust pages of other origins. Methods that change something are refused when a browser
 * says that a page of another origin asks (Fetch Metadata, else `Origin`, RFC 6454); requests with neither header
 * come from no browser and pass. An open service answers only to its own names, so that no rebound name reaches it,
 * not through a proxy, and no page of another origin may read from it.
 *
 * @returns a hook that throws HttpError: 403 `cross_site`, 403 `forwarded`, 421 `misdirected`.
 */
export function pageBoundary(options: PageBoundaryOptions): Hook {
  const checkHost = options.isOpen ? hostBoundary(options.ownUrls) : undefined;
  const ownOrigins = options.ownUrls.map((url) => new URL(url).origin);
  const allowed = new Set([...options.allowOrigins, ...ownOrigins]);
  return async (request) => {
    await checkHost?.(request);
    const isRead = safeMethods.has(request.method);
    if (isRead && (!options.isOpen || isNavigation(request.headers))) return;
    if (isFromOwnPage(request.headers, allowed)) return;
    throw new HttpError(403, "cross_site", "pages of other origins must not send this request");
  };
}

/**
 * An `onRequest` hook for a service that asks for no credentials: it answers only to loopback names and its own, and
 * not through a proxy.
 */
export function hostBoundary(ownUrls: readonly string[]): Hook {
  const own = new Set(ownUrls.map((url) => new URL(url).hostname));
  return async ({ headers }) => {
    const forwarded = Object.keys(headers).find((name) => /^(?:forwarded$|x-forwarded-)/.test(name));
    if (forwarded !== undefined) {
      const message = `a service without a token answers no request that a proxy passed on ('${forwarded}')`;
      throw new HttpError(403, "forwarded", message);
    }
    const name = hostnameOf(headers);
    if (name !== undefined && (isLoopback(name) || own.has(name))) return;
    throw new HttpError(
      421,
      "misdirected",
      "a service without a token answers only to the names of this machine",
    );
  };
}

/** RFC 9110 §9.2.1. */
const safeMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** A person who follows a link to an address: no page gets to see the answer. */
function isNavigation(headers: IncomingHttpHeaders): boolean {
  return headers["sec-fetch-mode"] === "navigate" && headers["sec-fetch-dest"] === "document";
}

function isFromOwnPage(headers: IncomingHttpHeaders, allowed: ReadonlySet<string>): boolean {
  const site = headers["sec-fetch-site"];
  if (site === "same-origin" || site === "none") return true;
  const { origin } = headers;
  if (origin === undefined) return site === undefined;
  return allowed.has(origin) || (site === undefined && isOwnOrigin(origin, headers));
}

function isOwnOrigin(origin: string, headers: IncomingHttpHeaders): boolean {
  if (!/^https?:\/\//.test(origin) || !URL.canParse(origin)) return false;
  const { protocol, host } = new URL(origin);
  const own = `${protocol}//${hostOf(headers) ?? ""}`;
  return URL.canParse(own) && new URL(own).host === host;
}

function hostnameOf(headers: IncomingHttpHeaders): string | undefined {
  const url = `http://${hostOf(headers) ?? ""}`;
  return URL.canParse(url) ? new URL(url).hostname : undefined;
}

/** HTTP/2 has the host in a pseudo-header (RFC 9113 §8.3.1). */
function hostOf(headers: IncomingHttpHeaders): string | undefined {
  const authority = headers[":authority"];
  return headers.host ?? (typeof authority === "string" ? authority : undefined);
}
