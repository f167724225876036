import { type SettingOptions, variable, wholeNumber } from "../kernel/index.js";

/** Settings of idempotency keys. */
export const idempotencyVariables = {
  ttlSeconds: variable({
    name: "IDEMPOTENCY_TTL_SECONDS",
    type: wholeNumber({ min: 1, max: 31_536_000 }),
    expected: "a whole number of seconds from 1 to 31536000",
    help: "How long the first answer to an idempotency key is kept.",
    default: 86_400,
  }),
};

/** Settings given in code, each beating its variable. */
export type IdempotencySettingOptions = SettingOptions<typeof idempotencyVariables>;
