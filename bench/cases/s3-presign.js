import { keyOf } from "../harness/keys.js";
import { measure } from "../harness/measure.js";
import { workers } from "../harness/workers.js";

/** @type {import("../harness/contracts.js").Case} */
export const s3Presign = {
  id: "S3",
  title: "S3: presign 40,000 URLs, one after the other",
  adapters: ["raw-crypto", "svc-infra-s3", "aws-sdk", "lean-s3", "s3mini", "minio"],
  unit: "ops/s",
  isOnS3: true,
  run: async ({ scale, open }) => {
    const store = await open();
    const count = Math.ceil(40_000 * scale);
    const keys = Array.from({ length: count }, (_, index) => keyOf(index));
    let last = "";
    const sign = async (/** @type {number} */ index) => {
      last = await store.sign(keys[index] ?? "");
    };
    await workers(Math.ceil(count / 4), 1, sign);
    const signed = await measure(count, () => workers(count, 1, sign), { isWarm: true });
    await store.close();
    return {
      sign: {
        ...signed,
        fault: /(?:^|Signature=)[0-9a-f]{64}(?:&|$)/.test(last) ? undefined : `not signed: ${last}`,
      },
    };
  },
};
