import { S3Client } from "lean-s3";
import { inParts } from "./in-parts.js";
import { accessKeyId, bucket, region, secretAccessKey } from "./s3-place.js";

/**
 * Keeps no metadata, and cuts no stream into parts by itself.
 *
 * @type {import("../harness/contracts.js").Adapter}
 */
export const adapter = {
  name: "lean-s3",
  layout: "s3",
  open: async ({ endpoint }) => {
    const client = new S3Client({ endpoint, bucket, region, accessKeyId, secretAccessKey });
    return {
      put: (key, bytes) => client.file(key).write(bytes),
      get: (key) => client.file(key).bytes(),
      stat: (key) => client.file(key).stat(),
      putStream: (key, source) => putStream(client, key, source),
      sign: (key) => client.presign(key, { expiresIn: 3600 }),
      allKeys: () => allKeys(client),
      close: async () => undefined,
    };
  },
};

/**
 * @param {S3Client} client
 * @param {string} key
 * @param {AsyncIterable<Uint8Array>} source
 */
async function putStream(client, key, source) {
  const { uploadId } = await client.createMultipartUpload(key);
  const parts = await inParts(source, (number, pieces) =>
    client.uploadPart(key, uploadId, Buffer.concat(pieces), number),
  );
  await client.completeMultipartUpload(key, uploadId, parts);
}

/** @param {S3Client} client */
async function allKeys(client) {
  /** @type {string[]} */
  const keys = [];
  /** @type {string | undefined} */
  let continuationToken;
  do {
    const page = await client.list({ maxKeys: 1000, continuationToken });
    for (const { key } of page.contents) keys.push(key);
    continuationToken = page.nextContinuationToken;
  } while (continuationToken !== undefined);
  return keys;
}
