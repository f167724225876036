import { StorageConfigurationError } from "../../contract/error.js";
import { isProtected } from "../../contract/protected-address.js";

/** How requests are signed; it must be the one that the account is set to. */
export type SignatureAlgorithm = "sha1" | "sha256";

/** Whose assets, and where they are asked for. */
export interface CloudinaryAccount {
  readonly cloudName: string;
  readonly apiKey: string;
  readonly apiSecret: string;
  /** `https://api.cloudinary.com`, without a trailing slash. */
  readonly endpoint: string;
  readonly signatureAlgorithm: SignatureAlgorithm;
}

/** What names an account; the separate options beat those in the URL. */
export interface AccountOptions {
  /** `cloudinary://key:secret@cloud`, as the console shows it; `upload_prefix` and `signature_algorithm` in its query count. */
  readonly url?: string | undefined;
  /** Name of the cloud, as the console shows it. */
  readonly cloudName?: string | undefined;
  /** API key of the account. */
  readonly apiKey?: string | undefined;
  /** Secret of the API key. It signs, and is never sent. */
  readonly apiSecret?: string | undefined;
  /** API server: `https://api-eu.cloudinary.com` or `https://api-ap.cloudinary.com` for those regions. */
  readonly endpoint?: string | undefined;
  /** Hash of the signatures, as the account is set up: `sha1` or `sha256`. Default: `sha1`. */
  readonly signatureAlgorithm?: SignatureAlgorithm | undefined;
}

const variables = {
  cloudName: "STORAGE_CLOUDINARY_CLOUD_NAME",
  apiKey: "STORAGE_CLOUDINARY_API_KEY",
  apiSecret: "STORAGE_CLOUDINARY_API_SECRET",
};

/** @throws StorageConfigurationError naming every option that is missing or wrong, and no secret. */
export function parseAccount({ url, ...options }: AccountOptions): CloudinaryAccount {
  const merged = { ...(url === undefined ? {} : parseUrl(url)), ...withoutUndefined(options) };
  const { cloudName = "", apiKey = "", apiSecret = "", endpoint = "https://api.cloudinary.com" } = merged;
  const account = { cloudName, apiKey, apiSecret };
  const missing = Object.entries(account).filter(([, value]) => value === "");
  if (missing.length > 0) {
    const names = missing.map(([name]) => variables[name as keyof typeof variables]).join(", ");
    throw wrong(`cloudinary needs CLOUDINARY_URL or ${names}`);
  }
  if (!/^[A-Za-z0-9_-]+$/.test(cloudName)) throw wrong(`${variables.cloudName} is not the name of a cloud`);
  if (!/^https?:\/\/[^?#]+$/.test(endpoint)) throw wrong("STORAGE_CLOUDINARY_ENDPOINT is not a URL");
  if (!isProtected(new URL(endpoint))) {
    throw wrong("STORAGE_CLOUDINARY_ENDPOINT must be an https URL, or an address of this machine");
  }
  const { signatureAlgorithm = "sha1" } = merged;
  return { ...account, endpoint: endpoint.replace(/\/+$/, ""), signatureAlgorithm };
}

/** Whether it reads as the console writes it: `cloudinary://key:secret@cloud`. */
export function isCloudinaryUrl(raw: string): boolean {
  return /^cloudinary:\/\/[^:@/?#]+:[^:@/?#]+@[A-Za-z0-9_-]+\/?(?:\?[^#]*)?$/.test(raw) && URL.canParse(raw);
}

/** The API server that such a URL names. */
export function endpointIn(raw: string | undefined): string | undefined {
  if (raw === undefined || !isCloudinaryUrl(raw)) return undefined;
  return new URL(raw).searchParams.get("upload_prefix") ?? undefined;
}

function parseUrl(raw: string): AccountOptions {
  if (!isCloudinaryUrl(raw)) throw wrong("CLOUDINARY_URL must be cloudinary://key:secret@cloud");
  const url = new URL(raw);
  const algorithm = url.searchParams.get("signature_algorithm") ?? "sha1";
  if (algorithm !== "sha1" && algorithm !== "sha256") {
    throw wrong("CLOUDINARY_URL: signature_algorithm must be sha1 or sha256");
  }
  return {
    cloudName: url.hostname,
    apiKey: decodeURIComponent(url.username),
    apiSecret: decodeURIComponent(url.password),
    ...withoutUndefined({ endpoint: endpointIn(raw) }),
    signatureAlgorithm: algorithm,
  };
}

function withoutUndefined<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function wrong(message: string): StorageConfigurationError {
  return new StorageConfigurationError({ message });
}
