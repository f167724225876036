import { S3Backend } from "../../dist/storage/backends/s3/index.js";
import { Storage } from "../../dist/storage/index.js";
import { accessKeyId, bucket, contentType, region, secretAccessKey } from "./s3-place.js";

const keys = { accessKey: accessKeyId, secretKey: secretAccessKey };
const description = { contentType, metadata: { owner: "u1" } };

/**
 * Ours as an application uses it: keys and metadata checked, checksum made and verified.
 *
 * @type {import("../harness/contracts.js").Adapter}
 */
export const adapter = {
  name: "svc-infra-s3",
  layout: "s3",
  open: async ({ endpoint }) => {
    const storage = new Storage(new S3Backend({ bucket, region, endpoint, ...keys }));
    return {
      put: (key, bytes) => storage.put(key, bytes, description),
      get: (key) => storage.get(key),
      stat: (key) => storage.getMetadata(key),
      putStream: (key, source) => storage.put(key, source, description),
      sign: (key) => storage.getUrl(key),
      allKeys: () => allKeys(storage),
      leavesOut: ["a&b"],
      close: () => storage.close(),
    };
  },
};

/** @param {Storage<any>} storage */
async function allKeys(storage) {
  /** @type {string[]} */
  const keys = [];
  /** @type {string | undefined} */
  let cursor;
  do {
    const page = await storage.list({ limit: 1000, cursor });
    for (const { key } of page.items) keys.push(key);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return keys;
}
