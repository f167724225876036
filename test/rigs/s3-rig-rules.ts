import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { leavesNothing } from "./leaves-nothing.js";
import { s3Request } from "./s3-request.js";
import type { S3Rig } from "./s3-rig.js";

/** What a test that starts an S3 server may rely on. */
export function rigRules(name: "ceph" | "swift", start: () => Promise<S3Rig>): void {
  describe(name, () => {
    let rig: S3Rig;
    let another: S3Rig;
    beforeAll(async () => {
      [rig, another] = await Promise.all([start(), start()]);
    });
    afterAll(() => Promise.all([rig?.stop(), another?.stop()]));

    it("has a bucket of its own, although two run side by side", async () => {
      await rig.createBucket("of-the-first");
      expect((await s3Request(rig, "HEAD", "/of-the-first")).status).toBe(200);
      expect((await s3Request(another, "HEAD", "/of-the-first")).status).toBe(404);
      expect((await s3Request(another, "HEAD", `/${another.env.STORAGE_S3_BUCKET}`)).status).toBe(200);
    });

    it("refuses a wrong secret, and the bucket to the other user", async () => {
      const bucket = `/${rig.env.STORAGE_S3_BUCKET}`;
      expect((await s3Request({ ...rig, secretKey: "wrong" }, "GET", bucket)).status).toBe(403);
      const other = { ...rig, accessKey: rig.otherAccessKey, secretKey: rig.otherSecretKey };
      expect((await s3Request(other, "GET", "/")).status).toBe(200);
      expect((await s3Request(other, "GET", bucket)).ok).toBe(false);
    });

    leavesNothing(`${name}.js`, { endpoint: "STORAGE_S3_ENDPOINT", last: "STORAGE_S3_SECRET_KEY" });
  });
}
