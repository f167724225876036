import { keyOf } from "../harness/keys.js";
import { measure } from "../harness/measure.js";
import { workers } from "../harness/workers.js";

/** @type {import("../harness/contracts.js").Case} */
export const v1SignedUrl = {
  id: "V1",
  title: "sign and verify 40,000 URLs of the file route, one after the other",
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
    await workers(count, 1, sign);
    await workers(count, 1, verify);
    const signed = await measure(count, () => workers(count, 1, sign), { isWarm: true });
    const verified = await measure(count, () => workers(count, 1, verify), { isWarm: true });
    const takesForged = store.verify((urls[0] ?? "").replace(/expires=\d/, "expires=9"));
    await store.close();
    const fault = refused > 0 ? `${refused} refused` : takesForged ? "takes a forged URL" : undefined;
    return { sign: { ...signed, fault }, verify: { ...verified, fault } };
  },
};
