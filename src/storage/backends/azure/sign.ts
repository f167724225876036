import type { BlobSASSignatureValues } from "@azure/storage-blob";
import type { SignOptions } from "../../backend.js";
import { contentDisposition } from "../../content-disposition.js";
import type { Key } from "../../key.js";
import type { DelegationKeys } from "./delegation-keys.js";
import { type AzureService, blobOf } from "./service.js";

/** How signatures are made; the newest one that servers behind the service itself know, too. */
const signatureVersion = "2023-11-03";

/** A URL with which anyone may read one object until it expires ("Create a service SAS", "Create a user delegation SAS"). */
export async function signUrl(
  service: AzureService,
  keys: DelegationKeys,
  key: Key,
  options: Pick<SignOptions, "expiresAt" | "download" | "filename">,
): Promise<string> {
  const container = await service.open();
  const { sdk, account, client, sharedKey } = container;
  const { url } = blobOf(container, key);
  const values: BlobSASSignatureValues = {
    version: signatureVersion,
    containerName: client.containerName,
    blobName: key,
    permissions: sdk.BlobSASPermissions.parse("r"),
    expiresOn: options.expiresAt,
    protocol: url.startsWith("https:") ? sdk.SASProtocol.Https : sdk.SASProtocol.HttpsAndHttp,
    ...disposition(options),
  };
  const query =
    sharedKey === undefined
      ? sdk.generateBlobSASQueryParameters(values, await keys.until(options.expiresAt), account)
      : sdk.generateBlobSASQueryParameters(values, sharedKey);
  return `${url}?${query}`;
}

function disposition({ download, filename }: Pick<SignOptions, "download" | "filename">): {
  contentDisposition?: string;
} {
  if (!download && filename === undefined) return {};
  const kind = download ? "attachment" : "inline";
  return { contentDisposition: filename === undefined ? kind : contentDisposition(kind, filename) };
}
