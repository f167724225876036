import { isIP } from "node:net";
import { StorageConfigurationError } from "../../../contract/error.js";

export interface LocationOptions {
  readonly bucket: string;
  readonly region: string;
  /** AWS without one. */
  readonly endpoint: URL | undefined;
  readonly pathStyle: boolean;
}

/** Where a bucket is reached: its origin, its host as it is signed, and what stands before each key. */
export interface BucketAddress {
  readonly origin: string;
  readonly host: string;
  /** Percent-encoded, without a slash at its end. */
  readonly basePath: string;
  readonly region: string;
}

const regionName = /^[\w-]{1,63}$/;
const bucketName = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/;

/** Where the bucket is; learns of another region when the service tells it. */
export class BucketLocation {
  readonly #options: LocationOptions;
  #address: BucketAddress;

  /** @throws StorageConfigurationError when the name of the bucket or of the region cannot be one. */
  constructor(options: LocationOptions) {
    if (!bucketName.test(options.bucket) || options.bucket.includes("..")) {
      throw new StorageConfigurationError({ message: "STORAGE_S3_BUCKET is not the name of a bucket" });
    }
    checkRegion(options.region);
    this.#options = options;
    this.#address = addressOf(options, options.region);
  }

  get address(): BucketAddress {
    return this.#address;
  }

  /**
   * Goes to another region.
   *
   * @returns whether that is a region, and another one than before.
   */
  moveTo(region: string): boolean {
    if (region === this.#address.region || !regionName.test(region)) return false;
    this.#address = addressOf(this.#options, region);
    return true;
  }
}

function addressOf({ bucket, endpoint, pathStyle }: LocationOptions, region: string): BucketAddress {
  const url = endpoint === undefined || isAws(endpoint) ? awsEndpoint(region) : endpoint;
  const base = url.pathname.replace(/\/+$/, "");
  // A certificate for `*.s3.amazonaws.com` does not hold for a name with another dot, and an address has no names.
  const isUncertain = url.protocol === "https:" && bucket.includes(".");
  const isInHost = !pathStyle && !isUncertain && isIP(url.hostname.replace(/^\[|\]$/g, "")) === 0;
  if (!isInHost) return { origin: url.origin, host: url.host, basePath: `${base}/${bucket}`, region };
  const host = `${bucket}.${url.host}`;
  return { origin: `${url.protocol}//${host}`, host, basePath: base, region };
}

/** AWS has one endpoint a region; others, as of access points, of VPCs, with acceleration or FIPS, are taken as they are. */
function isAws({ hostname }: URL): boolean {
  return /^s3[.-](?!accelerate\.|fips-)(?:[a-z0-9-]+\.)?amazonaws\.com(?:\.cn)?$/.test(hostname);
}

/**
 * Where a region of AWS is reached.
 *
 * @throws StorageConfigurationError when the name of the region cannot be one.
 */
export function awsEndpoint(region: string): URL {
  checkRegion(region);
  const domain = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  return new URL(`https://s3.${region}.${domain}`);
}

/** It becomes a part of a host name, here and in the SDK that finds keys. */
function checkRegion(region: string): void {
  if (regionName.test(region)) return;
  throw new StorageConfigurationError({ message: "STORAGE_S3_REGION is not the name of a region" });
}
