import { keyOf } from "../harness/keys.js";
import { measure } from "../harness/measure.js";
import { workers, youngCalls } from "../harness/workers.js";

const objectBytes = 16 * 1024;
const concurrency = 16;

/** The clients of the S cases, the limit first. */
export const clients = ["raw-s3", "svc-infra-s3", "aws-sdk", "lean-s3", "s3mini", "minio"];
const [limit = "", ours = "", ...peers] = clients;

/** @type {import("../harness/contracts.js").Case} */
export const s1Objects = {
  id: "S1",
  title: "S3: put and get 16 KiB: the first 3,000, and 2,000 when steady; 16 at a time",
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
    const many = (/** @type {number} */ full, /** @type {typeof put} */ call) => {
      const count = Math.ceil(full * scale);
      return measure(count, () => workers(count, concurrency, call), { isWarm: true });
    };
    const puts = await many(youngCalls, put);
    const gets = await many(youngCalls, get);
    await many(10_000, put);
    const steadyPuts = await many(2_000, put);
    await many(10_000, get);
    const steadyGets = await many(2_000, get);
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
