import { CursorSeal } from "../../contract/cursor-seal.js";
import { defaultIdleMs } from "../../contract/response-body.js";
import type { CloudinaryAccess } from "./access.js";
import { type AccountOptions, parseAccount } from "./account.js";
import { CloudinaryClient } from "./client.js";
import { Delivery, type DeliveryMode } from "./delivery.js";
import { PublicIds } from "./public-id.js";

/** Options of {@link CloudinaryBackend}. */
export interface CloudinaryBackendOptions extends AccountOptions {
  /** Folder of all objects. Default: `files`. */
  readonly folder?: string | undefined;
  /** How transformed images and videos are delivered; see the page of this backend. Default: `api`. */
  readonly delivery?: DeliveryMode | undefined;
  /** Key of token-based access in hex, for `cdn-token`. */
  readonly authTokenKey?: string | undefined;
  /** Where the CDN answers. Default: `https://res.cloudinary.com/{cloud}`. */
  readonly cdnUrl?: string | undefined;
  /** Bytes of a chunk of a large upload, 5 MiB at least. One chunk is held in memory. Default: 6 MiB. */
  readonly chunkBytes?: number | undefined;
  /** Most connections of calls; content that is read has one for each reader. Default: 32. */
  readonly maxConnections?: number | undefined;
  /** Milliseconds that a reader may let the service wait before the connection is given up. Default: 10,000. */
  readonly idleBodyMs?: number | undefined;
}

/**
 * Makes all that the verbs share; reaches nothing.
 *
 * @throws StorageConfigurationError naming what is missing or wrong.
 */
export function openAccess(options: CloudinaryBackendOptions): CloudinaryAccess {
  const { folder = "files", delivery: mode = "api", authTokenKey, cdnUrl } = options;
  const { chunkBytes = 6 * 1024 * 1024, maxConnections = 32 } = options;
  const { url, cloudName, apiKey, apiSecret, endpoint, signatureAlgorithm } = options;
  const account = parseAccount({ url, cloudName, apiKey, apiSecret, endpoint, signatureAlgorithm });
  return {
    client: new CloudinaryClient(account, maxConnections),
    ids: new PublicIds(folder),
    seal: new CursorSeal(account.apiSecret, "svc-infra-cloudinary-cursor-1"),
    delivery: new Delivery(account, { mode, authTokenKey, cdnUrl }),
    chunkBytes,
    idleMs: options.idleBodyMs ?? defaultIdleMs,
  };
}
