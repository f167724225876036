import { createPrivateKey, sign } from "node:crypto";
import type { GcsDoubleRig, KeyFile } from "./gcs-double.js";

/** What a request for a token says, and may say wrongly. */
export interface Assertion {
  readonly key?: KeyFile;
  readonly pem?: string;
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** Asks the double's token endpoint as a service account does (RFC 7523). */
export function askToken({ endpoint, owner }: GcsDoubleRig, given: Assertion = {}): Promise<Response> {
  const { key = owner, pem = key.private_key, claims = {} } = given;
  const now = Math.floor(Date.now() / 1000);
  const scope = "https://www.googleapis.com/auth/devstorage.full_control";
  const all = { iss: key.client_email, aud: key.token_uri, scope, iat: now, exp: now + 3600, ...claims };
  const text = [{ alg: "RS256", typ: "JWT" }, all]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  const signature = sign("sha256", Buffer.from(text), createPrivateKey(pem ?? "")).toString("base64url");
  const grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
  const body = new URLSearchParams({ grant_type: grant, assertion: `${text}.${signature}` });
  return fetch(`${endpoint}/token`, { method: "POST", body });
}

/** Speaks the JSON API with a token. */
export class GcsClient {
  readonly #rig: GcsDoubleRig;
  readonly #token: string;

  constructor(rig: GcsDoubleRig, token: string) {
    this.#rig = rig;
    this.#token = token;
  }

  static async open(rig: GcsDoubleRig, key: KeyFile = rig.owner): Promise<GcsClient> {
    const { access_token: token } = (await (await askToken(rig, { key })).json()) as { access_token: string };
    return new GcsClient(rig, token);
  }

  call(path: string, init: RequestInit & { readonly duplex?: "half" } = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${this.#token}`, ...(init.headers as Record<string, string>) };
    return fetch(path.startsWith("http") ? path : this.#rig.endpoint + path, { ...init, headers });
  }

  object(name: string, query = "", init: RequestInit = {}): Promise<Response> {
    return this.call(`${this.#objects}/${encodeURIComponent(name)}${query}`, init);
  }

  list(query = ""): Promise<Response> {
    return this.call(`${this.#objects}${query}`);
  }

  /** A simple upload. */
  put(name: string, body: string | Uint8Array, query = "", headers = {}): Promise<Response> {
    const path = `/upload${this.#objects}?uploadType=media&name=${encodeURIComponent(name)}${query}`;
    return this.call(path, { method: "POST", body: Buffer.from(body), headers });
  }

  /** Opens a resumable session and gives its address. */
  async openSession(name: string, query = "", metadata: object = {}): Promise<string> {
    const path = `/upload${this.#objects}?uploadType=resumable&name=${encodeURIComponent(name)}${query}`;
    const headers = { "content-type": "application/json" };
    const response = await this.call(path, { method: "POST", headers, body: JSON.stringify(metadata) });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    return response.headers.get("location") ?? "";
  }

  get #objects(): string {
    return `/storage/v1/b/${this.#rig.bucket}/o`;
  }
}

/** A request to a session, which needs no token. */
export function putChunk(
  session: string,
  range: string,
  bytes = Buffer.alloc(0),
  headers = {},
): Promise<Response> {
  return fetch(session, { method: "PUT", headers: { "content-range": range, ...headers }, body: bytes });
}
