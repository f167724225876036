import { S3Backend } from "../../dist/storage/backends/s3/index.js";
import { easyStorage } from "../../dist/storage/easy-storage.js";
import { Storage } from "../../dist/storage/index.js";
import { accessKeyId, bucket, contentType, region, secretAccessKey } from "./s3-place.js";

const description = { contentType, metadata: { owner: "u1" } };

/**
 * Ours as users run it: the storage of `addStorage` with its default layers. Keys and metadata are checked, the checksum is
 * made and verified.
 *
 * @type {import("../harness/contracts.js").Adapter}
 */
export const adapter = {
  name: "svc-infra-s3",
  layout: "s3",
  open: async ({ endpoint }) => {
    const env = {
      STORAGE_BACKEND: "s3",
      STORAGE_S3_BUCKET: bucket,
      STORAGE_S3_REGION: region,
      STORAGE_S3_ENDPOINT: endpoint,
      STORAGE_S3_ACCESS_KEY: accessKeyId,
      STORAGE_S3_SECRET_KEY: secretAccessKey,
      STORAGE_MAX_UPLOAD_BYTES: String(2 ** 40),
    };
    return storeOf(await easyStorage({}, env));
  },
};

/**
 * The same without layers, to see what they cost.
 *
 * @type {import("../harness/contracts.js").Adapter}
 */
export const bareAdapter = {
  name: "svc-infra-s3-bare",
  layout: "s3",
  open: async ({ endpoint }) => {
    const keys = { accessKey: accessKeyId, secretKey: secretAccessKey };
    return storeOf(new Storage(new S3Backend({ bucket, region, endpoint, ...keys })));
  },
};

/**
 * @param {Storage<any>} storage
 * @returns {Partial<import("../harness/contracts.js").Store>}
 */
function storeOf(storage) {
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
}

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
