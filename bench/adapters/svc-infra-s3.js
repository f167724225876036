import { loadBuilt } from "../harness/build.js";
import { accessKeyId, bucket, contentType, region, secretAccessKey } from "./s3-place.js";

/** @type {typeof import("../../dist/storage/backends/s3/index.js")} */
const { S3Backend } = await loadBuilt("storage/backends/s3/index.js");
/** @type {typeof import("../../dist/storage/easy-storage.js")} */
const { easyStorage } = await loadBuilt("storage/easy-storage.js");
/** @type {typeof import("../../dist/storage/index.js")} */
const { Storage } = await loadBuilt("storage/index.js");

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
 * @param {import("../../dist/storage/index.js").Storage<any>} storage
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

/** @param {import("../../dist/storage/index.js").Storage<any>} storage */
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
