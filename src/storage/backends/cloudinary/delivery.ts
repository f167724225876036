import { StorageConfigurationError } from "../../contract/error.js";
import type { CloudinaryAccount } from "./account.js";
import { loadSdk } from "./load-sdk.js";
import type { AssetAddress } from "./public-id.js";

/** How transformed files reach their readers; see the page of this backend. */
export const deliveryModes = ["api", "cdn-token", "cdn-permanent"] as const;
export type DeliveryMode = (typeof deliveryModes)[number];

export interface DeliveryOptions {
  readonly mode: DeliveryMode;
  /** Key of token-based access, in hex. */
  readonly authTokenKey: string | undefined;
  /** Where the CDN answers: `https://res.cloudinary.com/{cloud}`, or `https://{cloud}-res.cloudinary.com` of a private one. */
  readonly cdnUrl: string | undefined;
}

/** URLs of the CDN. */
export class Delivery {
  readonly #account: CloudinaryAccount;
  readonly #mode: DeliveryMode;
  readonly #authTokenKey: string;
  readonly #cdnUrl: string;

  /** @throws StorageConfigurationError when tokens are to be made without a key. */
  constructor(account: CloudinaryAccount, { mode, authTokenKey = "", cdnUrl }: DeliveryOptions) {
    if (mode === "cdn-token" && !/^(?:[0-9a-fA-F]{2})+$/.test(authTokenKey)) {
      const message =
        "with STORAGE_CLOUDINARY_DELIVERY=cdn-token, STORAGE_CLOUDINARY_AUTH_TOKEN_KEY must be the key in hex";
      throw new StorageConfigurationError({ message });
    }
    this.#account = account;
    this.#mode = mode;
    this.#authTokenKey = authTokenKey;
    this.#cdnUrl = (cdnUrl ?? `https://res.cloudinary.com/${account.cloudName}`).replace(/\/+$/, "");
  }

  get isByCdn(): boolean {
    return this.#mode !== "api";
  }

  /** A signed URL of the CDN: with a token it ends at its time, else never. */
  async url(address: AssetAddress, transformation: string, expiresAt: Date): Promise<string> {
    const { cloudName, apiSecret, signatureAlgorithm } = this.#account;
    const { origin, pathname } = new URL(this.#cdnUrl);
    const url = (await loadSdk()).url(address.publicId, {
      ...independent,
      resource_type: address.resourceType,
      type: "authenticated",
      raw_transformation: transformation,
      // The public id ends in an extension of its own: without another one that would be taken for the format.
      format: address.publicId.slice(address.publicId.lastIndexOf(".") + 1).toLowerCase(),
      cloud_name: cloudName,
      api_secret: apiSecret,
      signature_algorithm: signatureAlgorithm,
      private_cdn: pathname === "/",
      secure_distribution: new URL(this.#cdnUrl).host,
      auth_token: this.#token(expiresAt),
    });
    return origin + url.slice(new URL(url).origin.length);
  }

  #token(expiresAt: Date): object | false {
    if (this.#mode !== "cdn-token") return false;
    return {
      key: this.#authTokenKey,
      expiration: Math.floor(expiresAt.getTime() / 1000),
    };
  }
}

/** All that the SDK would else take from the settings of the whole process. */
const independent = {
  secure: true,
  sign_url: true,
  force_version: true,
  long_url_signature: true,
  shorten: false,
  use_root_path: false,
  cdn_subdomain: false,
  secure_cdn_subdomain: false,
  urlAnalytics: false,
} as const;
