import { StorageConfigurationError } from "../../contract/error.js";
import { isProtected } from "../../contract/protected-address.js";
import { defaultIdleMs } from "../../contract/response-body.js";
import type { GcsAccess } from "./access.js";
import { GcsClient } from "./client.js";
import type { CredentialsFile } from "./credentials.js";
import { Identity } from "./identity.js";
import { Paths } from "./paths.js";

/** Where Google is reached. */
export const googleEndpoint = "https://storage.googleapis.com";

/** Options of {@link GcsBackend}. */
export interface GcsBackendOptions {
  /** Name of the bucket; it must exist. */
  readonly bucket: string;
  /** Only where the credentials do not tell. */
  readonly project?: string | undefined;
  /** File with the credentials: the key of a service account, or what `gcloud` writes. */
  readonly credentialsPath?: string | undefined;
  /** The same as JSON or as an object. Default, without both: Google's default chain. */
  readonly credentials?: string | CredentialsFile | undefined;
  /** Another server, as an emulator or a private endpoint. Default: `https://storage.googleapis.com`. */
  readonly endpoint?: string | undefined;
  /** The service that signs URLs where there is no key. Default: `https://iamcredentials.googleapis.com`. */
  readonly iamEndpoint?: string | undefined;
  /** Sends tokens over plain http to another machine than this one, where anyone on the way can take them. Default: false. */
  readonly allowPlainHttp?: boolean | undefined;
  /** Milliseconds that a reader may let the service wait before the connection is given up. Default: 10,000. */
  readonly idleBodyMs?: number | undefined;
  /** Milliseconds since the epoch; for tests. Default: the clock. */
  readonly now?: (() => number) | undefined;
}

/**
 * Makes all that the verbs share; reaches nothing.
 *
 * @throws StorageConfigurationError for an endpoint to which tokens would be sent in plain.
 */
export function openAccess(options: GcsBackendOptions): GcsAccess {
  const { bucket, project, credentials, credentialsPath, now = Date.now } = options;
  const endpoint = (options.endpoint ?? googleEndpoint).replace(/\/+$/, "");
  const iamEndpoint = options.iamEndpoint ?? "https://iamcredentials.googleapis.com";
  checkProtected(endpoint, "STORAGE_GCS_ENDPOINT", options.allowPlainHttp);
  checkProtected(iamEndpoint, "iamEndpoint", options.allowPlainHttp);
  const mayBeAnonymous = endpoint.startsWith("http:");
  const identity = new Identity({ project, credentials, credentialsPath, mayBeAnonymous });
  return {
    client: new GcsClient(endpoint, identity),
    paths: new Paths(bucket),
    identity,
    iamEndpoint,
    idleMs: options.idleBodyMs ?? defaultIdleMs,
    endings: new Set(),
    now,
  };
}

/** Tokens are bearer secrets: anyone who reads one on the network can use it. */
function checkProtected(endpoint: string, name: string, allowPlainHttp = false): void {
  if (allowPlainHttp || !URL.canParse(endpoint) || isProtected(new URL(endpoint))) return;
  const message = `${name} must be an https URL or an address of this machine, since tokens are sent; allowPlainHttp lifts this`;
  throw new StorageConfigurationError({ message });
}
