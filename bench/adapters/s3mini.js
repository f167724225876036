import { S3mini } from "s3mini";
import { inParts } from "./in-parts.js";
import { accessKeyId, bucket, contentType, region, secretAccessKey } from "./s3-place.js";

const metadata = /** @type {const} */ ({ "x-amz-meta-owner": "u1" });

/** @type {import("../harness/contracts.js").Adapter} */
export const adapter = {
  name: "s3mini",
  layout: "s3",
  open: async ({ endpoint }) => {
    const client = new S3mini({ endpoint: `${endpoint}/${bucket}`, region, accessKeyId, secretAccessKey });
    return {
      put: (key, bytes) => client.putObject(key, bytes, contentType, undefined, metadata),
      get: async (key) => {
        const bytes = await client.getObjectArrayBuffer(key);
        return bytes === null ? null : new Uint8Array(bytes);
      },
      stat: async (key) => ({ size: await client.getContentLength(key) }),
      putStream: (key, source) => putStream(client, key, source),
      sign: (key) => client.getPresignedUrl("GET", key, 3600),
      allKeys: () => allKeys(client),
      close: async () => undefined,
    };
  },
};

/**
 * @param {S3mini} client
 * @param {string} key
 * @param {AsyncIterable<Uint8Array>} source
 */
async function putStream(client, key, source) {
  const id = await client.getMultipartUploadId(key, contentType, undefined, metadata);
  const parts = await inParts(source, (number, pieces) =>
    client.uploadPart(key, id, Buffer.concat(pieces), number),
  );
  await client.completeMultipartUpload(key, id, parts);
}

/** @param {S3mini} client */
async function allKeys(client) {
  /** @type {string[]} */
  const keys = [];
  /** @type {string | undefined} */
  let token;
  do {
    const page = await client.listObjectsPaged("/", "", 1000, token);
    for (const { Key } of page?.objects ?? []) keys.push(Key);
    token = page?.nextContinuationToken;
  } while (token !== undefined);
  return keys;
}
