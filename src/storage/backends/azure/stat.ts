import type { CallOptions, ObjectStat } from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import type { AzureAccess } from "./access.js";
import { knownSize, statOfAnswer } from "./blob-stat.js";
import { blobOf } from "./client.js";

/** What the service tells of an object. */
export async function statObject(
  { client }: AzureAccess,
  key: Key,
  { signal }: CallOptions,
): Promise<ObjectStat> {
  const answer = await client.send(signal, (container, abortSignal) =>
    blobOf(container, key).getProperties({ abortSignal }),
  );
  return statOfAnswer(key, answer, knownSize(answer.contentLength));
}
