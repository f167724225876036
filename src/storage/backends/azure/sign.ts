import type { BlobSASSignatureValues } from "@azure/storage-blob";
import { signedDisposition } from "../../content/content-disposition.js";
import type {
  DirectOptions,
  DirectRequest,
  LazyUrl,
  ObjectDescription,
  SignOptions,
} from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import type { AzureAccess } from "./access.js";
import { sentDescription } from "./blob-description.js";
import { blobOf } from "./client.js";
import { directBlock } from "./direct-parts.js";

/** How signatures are made; the newest one that servers behind the service itself know, too. */
const signatureVersion = "2023-11-03";

/** What a shared access signature can say. */
export type AzureSignOptions = Pick<SignOptions, "expiresAt" | "download" | "filename" | "cacheControl">;

/** A URL with which anyone may read one object until it expires ("Create a service SAS", "Create a user delegation SAS"). */
export function sign(access: AzureAccess, key: Key, options: AzureSignOptions): Promise<LazyUrl> {
  const { expiresAt } = options;
  return signedUrl(access, key, { permissions: "r", expiresAt }, answerHeaders(options));
}

/** A URL by which a client may write one object or one block, and the headers that go with it. */
export async function signUpload(
  access: AzureAccess,
  key: Key,
  options: DirectOptions,
): Promise<DirectRequest> {
  const { expiresAt, part } = options;
  const url = (await signedUrl(access, key, { permissions: "cw", expiresAt }, {}))();
  if (part === undefined) return { method: "PUT", url, headers: wholeHeaders(options), fields: {} };
  const block = encodeURIComponent(directBlock(part.uploadId, part.number));
  return { method: "PUT", url: `${url}&comp=block&blockid=${block}`, headers: {}, fields: {} };
}

function wholeHeaders(description: ObjectDescription): Record<string, string> {
  const { blobHTTPHeaders: sent, metadata } = sentDescription(description, undefined);
  const given = {
    "x-ms-blob-content-type": sent.blobContentType,
    "x-ms-blob-cache-control": sent.blobCacheControl,
    "x-ms-blob-content-disposition": sent.blobContentDisposition,
    "x-ms-blob-content-encoding": sent.blobContentEncoding,
    "x-ms-blob-content-language": sent.blobContentLanguage,
    ...Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-ms-meta-${name}`, value])),
  };
  const headers: Record<string, string> = { "x-ms-blob-type": "BlockBlob" };
  for (const [name, value] of Object.entries(given)) if (value !== undefined) headers[name] = value;
  return headers;
}

async function signedUrl(
  { client, delegationKeys }: AzureAccess,
  key: Key,
  { permissions, expiresAt }: { readonly permissions: string; readonly expiresAt: Date },
  more: Partial<BlobSASSignatureValues>,
): Promise<LazyUrl> {
  const container = await client.open();
  const { sdk, account, containerName, sharedKey } = container;
  const { url } = blobOf(container, key);
  const values: BlobSASSignatureValues = {
    version: signatureVersion,
    containerName,
    blobName: key,
    permissions: sdk.BlobSASPermissions.parse(permissions),
    expiresOn: expiresAt,
    protocol: url.startsWith("https:") ? sdk.SASProtocol.Https : sdk.SASProtocol.HttpsAndHttp,
    ...more,
  };
  if (sharedKey !== undefined) return () => `${url}?${sdk.generateBlobSASQueryParameters(values, sharedKey)}`;
  const delegationKey = await delegationKeys.until(expiresAt);
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
