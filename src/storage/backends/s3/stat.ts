import type { CallOptions, ObjectStat } from "../../backend.js";
import type { Key } from "../../key.js";
import type { BucketAccess } from "./access.js";
import { statOf } from "./object-headers.js";
import { S3Error } from "./s3-error.js";

/** What the service tells of an object. */
export async function statObject(
  access: BucketAccess,
  key: Key,
  { signal }: CallOptions,
): Promise<ObjectStat> {
  const { client, encryption } = access;
  try {
    const { headers } = await client.send({ method: "HEAD", key, headers: encryption.access, signal });
    return statOf(key, headers);
  } catch (error) {
    if (error instanceof S3Error && error.status === 404) await checkBucket(access, signal);
    throw error;
  }
}

/** An answer to HEAD has no body, so it does not tell a missing object from a missing bucket. */
async function checkBucket({ client }: BucketAccess, signal: AbortSignal | undefined): Promise<void> {
  if (client.isBucketSeen) return;
  try {
    await client.send({ method: "HEAD", signal });
  } catch (error) {
    const isMissing = error instanceof S3Error && error.status === 404;
    if (isMissing) throw new S3Error({ status: 404, code: "NoSuchBucket" });
  }
}
