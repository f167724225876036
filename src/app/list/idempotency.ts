import { idempotencyVariables } from "../../idempotency/settings.js";
import { type Helper, optionsOf } from "../helper.js";

export const idempotency: Helper = {
  name: "idempotency",
  variables: [idempotencyVariables],
  enabledBy: [idempotencyVariables.ttlSeconds.name],
  add: async (app, { env, options }) => {
    const { addIdempotency } = await import("../../idempotency/index.js");
    await addIdempotency(app, { env, ...optionsOf(options.idempotency) });
    return "Idempotency-Key";
  },
};
