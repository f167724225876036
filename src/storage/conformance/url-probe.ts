import type { StorageBackend } from "../contract/backend.js";
import { isKey } from "../contract/key.js";
import type { UrlSigner, VerifiedUrl } from "../contract/signed-url.js";

const content = "content";

/**
 * Whether a signed URL is honoured: by the kit's own rules where its route serves them, else by the provider. Every object
 * that is asked for must hold the text `content`.
 */
export async function isHonoured(
  backend: StorageBackend,
  method: "get" | "put",
  url: string,
  contentType?: string,
): Promise<boolean> {
  const signer = await backend.signer();
  if (signer !== undefined) return verifies(signer, method, url, contentType);
  const body = method === "put" ? { body: content } : {};
  const headers = contentType === undefined ? {} : { "content-type": contentType };
  const response = await fetch(url, { method: method.toUpperCase(), headers, ...body });
  const text = await response.text();
  return response.ok && (method === "put" || text === content);
}

/** Where the route's own path ends is not known here, so every end of the path is tried as the key. */
function verifies(signer: UrlSigner, method: "get" | "put", url: string, contentType?: string): boolean {
  return allowances(signer, method, url).some((allowed) => isAsSigned(allowed, contentType));
}

function allowances(signer: UrlSigner, method: "get" | "put", url: string): readonly VerifiedUrl[] {
  const [, path = "", query = ""] = /^[^:]+:\/\/[^/]+\/([^?]*)\??(.*)$/.exec(url) ?? [];
  const segments = path.split("/");
  const keys = segments.map((_, index) => segments.slice(index).join("/")).filter(isKey);
  return keys.map((key) => signer.verify(method, key, query)).filter((allowed) => allowed !== undefined);
}

/** The `Cache-Control` with which a URL that reads is answered. */
export async function cacheControlOf(backend: StorageBackend, url: string): Promise<string | undefined> {
  const signer = await backend.signer();
  if (signer !== undefined) return allowances(signer, "get", url)[0]?.cacheControl;
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.headers.get("cache-control") ?? undefined;
}

/** Whether what {@link isHonoured} sends is what was signed. */
function isAsSigned(verified: VerifiedUrl, contentType: string | undefined): boolean {
  const size = verified.size ?? content.length;
  return (contentType ?? verified.contentType) === verified.contentType && size === content.length;
}

/** URLs that differ from a signed one in one place each: its key, its time, its signature, its end and its query. */
export function tampered(url: string, key: string): readonly string[] {
  const spelled = url.includes(key) ? key : encodeURIComponent(key);
  const expires = /([?&](?:[^=&]*expires[^=&]*|se)=)(\d+)/i;
  const signature = /([?&][^=&]*(?:signature|sig)=)(.)/i;
  // In hex, upper and lower case are the same.
  const other = (character: string) => (/a/i.test(character) ? "b" : "a");
  return [
    url.replace(spelled, `${spelled}x`),
    url.replace(spelled, spelled.slice(0, -1)),
    url.replace(spelled, `x${spelled}`),
    url.replace(expires, (_, name, value) => name + (Number(value) + 1)),
    url.replace(signature, (_, name, first) => name + other(first)),
    url.replace(/.$/, other),
    url.replace(/\?.*/, ""),
  ].filter((each) => each !== url);
}
