import type { BlobSASSignatureValues } from "@azure/storage-blob";
import { signedDisposition } from "../../content/content-disposition.js";
import type { LazyUrl, SignOptions } from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import type { ContainerAccess } from "./access.js";
import { blobOf } from "./client.js";

/** How signatures are made; the newest one that servers behind the service itself know, too. */
const signatureVersion = "2023-11-03";

/** What a shared access signature can say. */
export type AzureSignOptions = Pick<SignOptions, "expiresAt" | "download" | "filename" | "cacheControl">;

/** A URL with which anyone may read one object until it expires ("Create a service SAS", "Create a user delegation SAS"). */
export async function signUrl(
  { client, delegationKeys }: ContainerAccess,
  key: Key,
  options: AzureSignOptions,
): Promise<LazyUrl> {
  const container = await client.open();
  const { sdk, account, containerName, sharedKey } = container;
  const { url } = blobOf(container, key);
  const values: BlobSASSignatureValues = {
    version: signatureVersion,
    containerName,
    blobName: key,
    permissions: sdk.BlobSASPermissions.parse("r"),
    expiresOn: options.expiresAt,
    protocol: url.startsWith("https:") ? sdk.SASProtocol.Https : sdk.SASProtocol.HttpsAndHttp,
    ...answerHeaders(options),
  };
  if (sharedKey !== undefined) return () => `${url}?${sdk.generateBlobSASQueryParameters(values, sharedKey)}`;
  const delegationKey = await delegationKeys.until(options.expiresAt);
  return () => `${url}?${sdk.generateBlobSASQueryParameters(values, delegationKey, account)}`;
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
