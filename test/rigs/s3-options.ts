import type { S3BackendOptions } from "svc-infra/storage/s3";
import type { S3Rig } from "./s3-rig.js";

/** What a backend needs to use the bucket of a rig, straight or through a proxy. */
export function s3Options(rig: S3Rig, endpoint: string = rig.endpoint): S3BackendOptions {
  const { bucket, region, accessKey, secretKey, provider } = rig;
  return { bucket, region, endpoint, accessKey, secretKey, provider };
}
