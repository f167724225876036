import { keyOf } from "../harness/keys.js";
import { measure } from "../harness/measure.js";
import { workers, youngCalls } from "../harness/workers.js";

/** @type {import("../harness/contracts.js").Case} */
export const v1SignedUrl = {
  id: "V1",
  title: "sign and verify URLs of the file route: the first 3,000, and 40,000 when steady",
  adapters: ["raw-hmac", "svc-infra-signer"],
  unit: "ops/s",
  run: async ({ scale, open }) => {
    const store = await open();
    const count = Math.ceil(40_000 * scale);
    const keys = Array.from({ length: count }, (_, index) => keyOf(index));
    /** @type {string[]} */
    const urls = [];
    let refused = 0;
    const sign = async (/** @type {number} */ index) => {
      urls[index] = await store.sign(keys[index] ?? "");
    };
    const verify = async (/** @type {number} */ index) => {
      if (!store.verify(urls[index] ?? "")) refused += 1;
    };
    const many = (/** @type {number} */ calls, /** @type {typeof sign} */ call) =>
      measure(calls, () => workers(calls, 1, call), { isWarm: true });
    const young = Math.ceil(youngCalls * scale);
    const signed = await many(young, sign);
    const verified = await many(young, verify);
    await many(count, sign);
    await many(count, verify);
    const steadySigned = await many(count, sign);
    const steadyVerified = await many(count, verify);
    const takesForged = store.verify((urls[0] ?? "").replace(/expires=\d/, "expires=9"));
    await store.close();
    const fault = refused > 0 ? `${refused} refused` : takesForged ? "takes a forged URL" : undefined;
    return {
      sign: { ...signed, fault },
      verify: { ...verified, fault },
      "sign steady": { ...steadySigned, fault },
      "verify steady": { ...steadyVerified, fault },
    };
  },
};
