import type { CallOptions, ObjectStat } from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import { statOfAnswer } from "./blob-stat.js";
import { type AzureService, blobOf } from "./client.js";

/** What an object is, by one request. */
export async function statBlob(
  service: AzureService,
  key: Key,
  { signal }: CallOptions,
): Promise<ObjectStat> {
  const answer = await service.send(signal, (container, abortSignal) =>
    blobOf(container, key).getProperties({ abortSignal }),
  );
  return statOfAnswer(key, answer, answer.contentLength ?? 0);
}
