import type { CallOptions, ObjectStat } from "../../backend.js";
import type { Key } from "../../key.js";
import { type Asset, contextOfCopy, statOf } from "./asset.js";
import type { CloudinaryClient } from "./client.js";
import { CloudinaryError } from "./cloudinary-error.js";
import { findAsset } from "./find-asset.js";
import type { PublicIds } from "./public-id.js";
import { originalUrl } from "./sign.js";
import { parseStored, uploadParameters } from "./upload.js";

const maxAttempts = 3;

export interface CopyCall extends CallOptions {
  readonly client: CloudinaryClient;
  readonly ids: PublicIds;
}

/**
 * A copy: Cloudinary uploads from the source's own download address, so that no byte passes here. It has no call
 * that copies; a source that is replaced in between is told by its content's tag, and the copy is made again.
 */
export async function copyAsset(from: Key, to: Key, call: CopyCall): Promise<ObjectStat> {
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const source = await findAsset(call.client, call.ids.addressOf(from), call);
    const copied = await uploadFrom(source, from, to, call);
    if (copied.contentTag === source.contentTag) return statOf(to, copied);
    call.onProgress?.();
  }
  throw new CloudinaryError("unavailable", "the source of the copy changes all the time");
}

async function uploadFrom(source: Asset, from: Key, to: Key, call: CopyCall): Promise<Asset> {
  const { client, ids, signal } = call;
  const address = ids.addressOf(to);
  const context = contextOfCopy(source.context, ids.isLong(to) ? to : undefined);
  const file = await originalUrl(client, ids.addressOf(from), new Date(Date.now() + 3_600_000));
  const parameters = uploadParameters(address, context);
  const path = `${address.resourceType}/upload` as const;
  const answer = await client.upload({ path, parameters, url: file, commits: true, signal });
  return parseStored(answer, address, context);
}
