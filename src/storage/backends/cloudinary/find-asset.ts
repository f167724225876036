import type { CallOptions } from "../../contract/backend.js";
import { type Asset, parseAsset } from "./asset.js";
import type { CloudinaryClient } from "./client.js";
import type { AssetAddress } from "./public-id.js";

/** What the service knows of an asset. @throws CloudinaryError `not_found` when there is none. */
export async function findAsset(
  client: CloudinaryClient,
  { resourceType, publicId }: AssetAddress,
  { signal }: CallOptions,
): Promise<Asset> {
  const path = `resources/${resourceType}/authenticated/${encodeURIComponent(publicId)}`;
  return parseAsset(await client.admin({ method: "GET", path, parameters: [], signal }));
}
