import type { FastifyRequest } from "fastify";

/** What a request line of the log says. */
export interface LoggedRequest {
  readonly method: string;
  readonly url: string;
  readonly host: string;
  readonly remoteAddress: string;
}

/**
 * Serializer of requests for pino that keeps signatures out of the log. Fastify's own prints the whole URL,
 * and a signed URL is a key: `Fastify({ logger: { serializers: { req: loggedRequest } } })`.
 */
export function loggedRequest(request: FastifyRequest): LoggedRequest {
  const { method, url, host, ip } = request;
  return { method, url: withoutSignature(url), host, remoteAddress: ip };
}

/** The URL with `***` in place of each signature, of any service. */
export function withoutSignature(url: string): string {
  const mark = url.indexOf("?");
  if (mark < 0) return url;
  return url.slice(0, mark) + url.slice(mark).replace(secretParameter, "$1***");
}

/** No name goes over a `?`: a run of them would be searched again from each. */
const secretParameter = /([?&][^?=&\s]*(?:signature|token|credential|sig)=)[^&#\s]*/gi;

/** Text for a log, with `***` in place of signatures and tokens in URLs, passwords of URLs, and bearer tokens. */
export function withoutSecrets(text: string): string {
  return text
    .replace(secretParameter, "$1***")
    .replace(/(\/\/[^/\s:@]*:)[^/\s@]+@/g, "$1***@")
    .replace(/(\bBearer\s+)[A-Za-z0-9._~+/=-]+/gi, "$1***");
}
