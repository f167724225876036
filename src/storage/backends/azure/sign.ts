import type { BlobSASSignatureValues } from "@azure/storage-blob";
import { signedDisposition } from "../../content/content-disposition.js";
import type { LazyUrl, SignOptions } from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import { type AzureService, blobOf } from "./client.js";
import type { DelegationKeys } from "./delegation-keys.js";

/** How signatures are made; the newest one that servers behind the service itself know, too. */
const signatureVersion = "2023-11-03";

type AzureSignOptions = Pick<SignOptions, "expiresAt" | "download" | "filename" | "cacheControl">;

/** A URL with which anyone may read one object until it expires ("Create a service SAS", "Create a user delegation SAS"). */
export async function signUrl(
  service: AzureService,
  keys: DelegationKeys,
  name: Key,
  options: AzureSignOptions,
): Promise<LazyUrl> {
  const container = await service.open();
  const { sdk, account, client, sharedKey } = container;
  const { url } = blobOf(container, name);
  const values: BlobSASSignatureValues = {
    version: signatureVersion,
    containerName: client.containerName,
    blobName: name,
    permissions: sdk.BlobSASPermissions.parse("r"),
    expiresOn: options.expiresAt,
    protocol: url.startsWith("https:") ? sdk.SASProtocol.Https : sdk.SASProtocol.HttpsAndHttp,
    ...answerHeaders(options),
  };
  if (sharedKey !== undefined) return () => `${url}?${sdk.generateBlobSASQueryParameters(values, sharedKey)}`;
  const key = await keys.until(options.expiresAt);
  return () => `${url}?${sdk.generateBlobSASQueryParameters(values, key, account)}`;
}

/** How the answer is to look. */
function answerHeaders(
  options: AzureSignOptions,
): Pick<BlobSASSignatureValues, "contentDisposition" | "cacheControl"> {
  const disposition = signedDisposition(options);
  return {
    ...(options.cacheControl !== undefined && { cacheControl: options.cacheControl }),
    ...(disposition !== undefined && { contentDisposition: disposition }),
  };
}
