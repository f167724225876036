import { Readable } from "node:stream";
import { Client } from "minio";
import { partBytes } from "./in-parts.js";
import { accessKeyId, bucket, contentType, region, secretAccessKey } from "./s3-place.js";

const description = { "Content-Type": contentType, owner: "u1" };

/** @type {import("../harness/contracts.js").Adapter} */
export const adapter = {
  name: "minio",
  layout: "s3",
  open: async ({ endpoint }) => {
    const { hostname: endPoint, port } = new URL(endpoint);
    const place = { endPoint, port: Number(port), useSSL: false, region, partSize: partBytes };
    const client = new Client({ ...place, accessKey: accessKeyId, secretKey: secretAccessKey });
    return {
      put: (key, bytes) => client.putObject(bucket, key, asBuffer(bytes), bytes.byteLength, description),
      get: async (key) => Buffer.concat(await (await client.getObject(bucket, key)).toArray()),
      stat: (key) => client.statObject(bucket, key),
      putStream: (key, source) =>
        client.putObject(bucket, key, Readable.from(source, { objectMode: false }), undefined, description),
      sign: (key) => client.presignedGetObject(bucket, key, 3600),
      allKeys: () => allKeys(client),
      close: async () => undefined,
    };
  },
};

/** @param {Uint8Array} bytes */
function asBuffer({ buffer, byteOffset, byteLength }) {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** @param {Client} client */
async function allKeys(client) {
  /** @type {string[]} */
  const keys = [];
  for (let token = ""; ; ) {
    const page = await client.listObjectsV2Query(bucket, "", token, "", 1000, "");
    for (const { name } of page.objects) keys.push(name ?? "");
    if (!page.isTruncated) return keys;
    token = page.nextContinuationToken;
  }
}
