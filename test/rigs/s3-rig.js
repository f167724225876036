// @ts-check
import { createBucket } from "./s3-request.js";

/**
 * A running S3 server with two users.
 *
 * @typedef {object} S3Rig
 * @property {string} endpoint
 * @property {string} region
 * @property {string} accessKey
 * @property {string} secretKey
 * @property {string} otherAccessKey - of a user who may do nothing with the buckets of the first.
 * @property {string} otherSecretKey
 * @property {"ceph" | "swift"} provider
 * @property {string} bucket - that is there.
 * @property {Readonly<Record<string, string>>} env - settings of svc-infra.
 * @property {(name: string) => Promise<void>} createBucket
 * @property {() => Promise<void>} stop
 */

const bucket = "svc-infra";

/**
 * @param {"ceph" | "swift"} provider
 * @param {import("./daemons.js").Daemons} daemons
 * @param {import("./s3-request.js").S3Access & { otherAccessKey: string, otherSecretKey: string }} access
 * @returns {Promise<S3Rig>}
 */
export async function s3Rig(provider, daemons, access) {
  await createBucket(access, bucket);
  const env = {
    STORAGE_BACKEND: "s3",
    STORAGE_S3_PROVIDER: provider,
    STORAGE_S3_ENDPOINT: access.endpoint,
    STORAGE_S3_REGION: access.region,
    STORAGE_S3_BUCKET: bucket,
    STORAGE_S3_ACCESS_KEY: access.accessKey,
    STORAGE_S3_SECRET_KEY: access.secretKey,
  };
  return {
    ...access,
    provider,
    bucket,
    env,
    createBucket: (name) => createBucket(access, name),
    stop: () => daemons.stop(),
  };
}
