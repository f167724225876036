import type { DirectOptions, DirectRequest, LazyUrl, SignOptions } from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import { refusal } from "../../contract/service-error.js";
import type { CloudinaryAccess } from "./access.js";
import { contextOf } from "./asset.js";
import type { CloudinaryClient, Parameters } from "./client.js";
import type { AssetAddress } from "./public-id.js";
import { transformationOf } from "./transformation.js";
import { uploadParameters } from "./write.js";

/** How long the service takes a signature, in milliseconds. */
const acceptedMs = 3_600_000;

/** The address of the original, as it was uploaded. It ends at its time on every plan. */
export function originalUrl(
  client: CloudinaryClient,
  address: AssetAddress,
  expiresAt: Date,
): Promise<string> {
  return downloadUrl(client, address, { signedAt: undefined, expiresAt }, {});
}

/** The URL that reads an object, or what Cloudinary makes of it. */
export async function signUrl(access: CloudinaryAccess, key: Key, options: SignOptions): Promise<LazyUrl> {
  const url = await urlOf(access, key, options);
  return () => url;
}

async function urlOf(
  { client, ids, delivery }: CloudinaryAccess,
  key: Key,
  options: SignOptions,
): Promise<string> {
  const address = ids.addressOf(key);
  const { transform, expiresAt } = options;
  if (options.cacheControl !== undefined) {
    throw refusal(
      "unsupported",
      "Cloudinary decides on Cache-Control itself; sign the URL without cacheControl",
    );
  }
  if (transform === undefined) return downloadUrl(client, address, options, savingParameters(key, options));
  if (address.resourceType === "raw") {
    throw refusal("unsupported", "Cloudinary transforms images and videos, by the extension of the key");
  }
  const transformation = transformationOf(address.resourceType, transform);
  const isSaved = options.download || options.filename !== undefined;
  if (delivery.isByCdn && !isSaved) return delivery.url(address, transformation, expiresAt);
  return downloadUrl(client, address, options, { transformation, ...savingParameters(key, options) });
}

function downloadUrl(
  client: CloudinaryClient,
  { resourceType, publicId }: AssetAddress,
  { signedAt, expiresAt }: Pick<SignOptions, "signedAt" | "expiresAt">,
  more: Parameters,
): Promise<string> {
  const expires_at = String(Math.floor(expiresAt.getTime() / 1000));
  const parameters = { public_id: publicId, type: "authenticated", expires_at, ...more };
  return client.signedUrl(`${resourceType}/download`, parameters, signedAt);
}

function savingParameters(key: Key, { download, filename }: SignOptions): Parameters {
  const name = filename ?? (download ? key.slice(key.lastIndexOf("/") + 1) : undefined);
  return {
    ...(download ? { attachment: "true" } : {}),
    ...(name === undefined ? {} : { target_filename: name }),
  };
}

/** The form by which a client may write one asset. Cloudinary takes it for an hour from its timestamp, and no longer. */
export async function signUpload(
  { client, ids }: CloudinaryAccess,
  key: Key,
  options: DirectOptions,
): Promise<DirectRequest> {
  if (options.expiresAt.getTime() > Date.now() + acceptedMs + 1000) {
    throw refusal(
      "invalid_argument",
      "Cloudinary takes a signed upload for an hour; expiresIn is at most 3600",
    );
  }
  const address = ids.addressOf(key);
  const longKey = ids.isLong(key) ? key : undefined;
  const context = contextOf({ ...options, longKey, checksum: undefined, isEmpty: false });
  const signedAt = new Date(Math.min(Date.now(), options.expiresAt.getTime() - acceptedMs));
  const fields = await client.signed(uploadParameters(address, context), signedAt);
  return { method: "POST", url: client.urlOf(`${address.resourceType}/upload`), headers: {}, fields };
}
