import { keyOf } from "../harness/keys.js";
import { measure } from "../harness/measure.js";
import { workers } from "../harness/workers.js";

const objectBytes = 16 * 1024;
const concurrency = 16;

/** The clients of the S cases, the limit first. */
export const clients = ["raw-s3", "svc-infra-s3", "aws-sdk", "lean-s3", "s3mini", "minio"];
const [limit = "", ours = "", ...peers] = clients;

/** @type {import("../harness/contracts.js").Case} */
export const s1Objects = {
  id: "S1",
  title: "S3: put and get 2,000 x 16 KiB, 16 at a time",
  adapters: [limit, ours, "svc-infra-s3-bare", ...peers],
  unit: "ops/s",
  isOnS3: true,
  run: async ({ scale, open }) => {
    const bytes = Buffer.alloc(objectBytes, "svc-infra bench ");
    const store = await open();
    let wrong = 0;
    const put = (/** @type {number} */ index) => store.put(keyOf(index), bytes);
    const get = async (/** @type {number} */ index) => {
      const got = await store.get(keyOf(index));
      if (got?.byteLength !== objectBytes || got[objectBytes - 1] !== bytes[objectBytes - 1]) wrong += 1;
    };
    await workers(Math.ceil(3_000 * scale), concurrency, put);
    await workers(Math.ceil(3_000 * scale), concurrency, get);
    const count = Math.ceil(2_000 * scale);
    const puts = await measure(count, () => workers(count, concurrency, put), { isWarm: true });
    const gets = await measure(count, () => workers(count, concurrency, get), { isWarm: true });
    const steadyCount = Math.ceil(10_000 * scale);
    await workers(steadyCount, concurrency, put);
    const steadyPuts = await measure(count, () => workers(count, concurrency, put), { isWarm: true });
    await workers(steadyCount, concurrency, get);
    const steadyGets = await measure(count, () => workers(count, concurrency, get), { isWarm: true });
    await store.close();
    const fault = wrong > 0 ? `${wrong} answers were wrong` : undefined;
    return {
      put: puts,
      get: { ...gets, fault },
      "put steady": steadyPuts,
      "get steady": { ...steadyGets, fault },
    };
  },
};
