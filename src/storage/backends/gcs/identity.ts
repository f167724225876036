import { sign } from "node:crypto";
import type { Storage as Sdk } from "@google-cloud/storage";
import { unlessAborted } from "../../contract/abortable.js";
import { loadSdk } from "../../contract/load-sdk.js";
import { refusal } from "../../contract/service-error.js";
import {
  type CredentialOptions,
  type CredentialsFile,
  readCredentials,
  type ServiceAccountKey,
  serviceAccountKeyOf,
  textOf,
} from "./credentials.js";
import { isNoCredentials, tokenError } from "./token-error.js";

type Auth = Sdk["authClient"];

/** Milliseconds after which a request for a token is given up. */
const tokenTimeoutMs = 10_000;

export interface IdentityOptions extends CredentialOptions {
  readonly project: string | undefined;
  /** Whether no credentials at all will do, as with an emulator. */
  readonly mayBeAnonymous: boolean;
}

type Proof = Readonly<Record<string, string>>;

interface Known {
  readonly auth: Auth;
  readonly key: ServiceAccountKey | undefined;
}

/** Who calls: tokens by the SDK, from the credentials that were given or Google's default chain. */
export class Identity {
  readonly #options: IdentityOptions;
  #known: Promise<Known> | undefined;

  constructor(options: IdentityOptions) {
    this.#options = options;
  }

  /** Headers that prove the identity, for a request to this URL; none without credentials. */
  async headers(url: string, signal: AbortSignal | undefined): Promise<Proof> {
    return (await this.#proof(url, signal)) ?? {};
  }

  /** The service account's address; `undefined` without credentials. */
  async email(): Promise<string | undefined> {
    const { key } = await this.#know();
    if (key !== undefined) return key.email;
    if ((await this.#proof("", undefined)) === undefined) return undefined;
    const { auth } = await this.#know();
    const { client_email: email } = await auth
      .getCredentials()
      .catch((error) => Promise.reject(tokenError(error)));
    if (email !== undefined) return email;
    const message = "only a service account can sign URLs; give its key in STORAGE_GCS_CREDENTIALS_PATH";
    throw refusal("configuration", message);
  }

  /** Makes RSA signatures with SHA-256, where there is a key for it. */
  async signer(): Promise<((text: string) => Buffer) | undefined> {
    const { key } = await this.#know();
    return key && ((text) => sign("sha256", Buffer.from(text), key.privateKey));
  }

  /** `undefined` without credentials. They are looked for again with each call, since they may be added later. */
  async #proof(url: string, signal: AbortSignal | undefined): Promise<Proof | undefined> {
    try {
      return await unlessAborted(async () => {
        const headers = await (await this.#know()).auth.getRequestHeaders(url);
        return recordOf(headers);
      }, signal);
    } catch (error) {
      if (signal?.aborted === true) throw error;
      if (!isNoCredentials(error)) throw tokenError(error);
      // The SDK remembers that it found nothing.
      this.#known = undefined;
      if (this.#options.mayBeAnonymous) return undefined;
      throw tokenError(error);
    }
  }

  #know(): Promise<Known> {
    this.#known ??= this.#open().catch((error) => {
      this.#known = undefined;
      throw error;
    });
    return this.#known;
  }

  async #open(): Promise<Known> {
    const credentials = await readCredentials(this.#options);
    const key = serviceAccountKeyOf(credentials);
    const { Storage } = await loadSdk({
      backend: "gcs",
      name: "@google-cloud/storage",
      load: () => import("@google-cloud/storage"),
    });
    const { project } = this.#options;
    const { authClient: auth } = new Storage({
      retryOptions: { autoRetry: false, maxRetries: 0 },
      ...(project !== undefined && { projectId: project }),
      ...(credentials !== undefined && { credentials }),
    });
    if (credentials !== undefined) await direct(auth, credentials);
    return { auth, key };
  }
}

/** Version 8 of the SDK gives `Headers`, version 7 a record. */
function recordOf(headers: unknown): Proof {
  return headers instanceof Headers ? Object.fromEntries(headers) : Object(headers);
}

/** What both versions of the SDK have of a client of gaxios, which sends the requests for tokens. */
interface TokenSender {
  readonly interceptors: {
    readonly request: {
      add(interceptor: { resolved(request: TokenRequest): Promise<TokenRequest> }): unknown;
    };
  };
}

interface TokenRequest {
  readonly url?: string | URL;
}

/**
 * Leaves retries to our own layer and sends the request for a token where the key file says (`token_uri`, which the
 * SDK does not read).
 */
async function direct(auth: Auth, credentials: CredentialsFile): Promise<void> {
  const client = await auth.getClient();
  const tokenUri = textOf(credentials, "token_uri");
  const isKey = "additionalClaims" in client;
  if (isKey && tokenUri !== undefined) client.additionalClaims = { aud: tokenUri };
  const { gaxios, transporter }: { gaxios?: unknown; transporter?: unknown } = client;
  const sender = (gaxios ?? transporter) as TokenSender;
  sender.interceptors.request.add({
    resolved: async (request) => ({
      ...request,
      retry: false,
      retryConfig: { retry: 0 },
      // Version 8 has made a signal of its own timeout already.
      ...(gaxios === undefined
        ? { signal: AbortSignal.timeout(tokenTimeoutMs) }
        : { timeout: tokenTimeoutMs }),
      ...(isKey && tokenUri !== undefined && { url: gaxios === undefined ? new URL(tokenUri) : tokenUri }),
    }),
  });
}
