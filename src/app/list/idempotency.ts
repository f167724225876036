import { idempotencyVariables } from "../../idempotency/settings.js";
import { type Helper, optionsOf } from "../helper.js";
import { keyPrefixOf } from "./key-prefix.js";

export const idempotency: Helper = {
  name: "idempotency",
  variables: [idempotencyVariables],
  enabledBy: [idempotencyVariables.ttlSeconds.name],
  add: async (app, context) => {
    const { addIdempotency } = await import("../../idempotency/index.js");
    const { keyPrefix = keyPrefixOf(context, "idempotency"), ...given } = optionsOf(
      context.options.idempotency,
    );
    await addIdempotency(app, { env: context.env, ...given, keyPrefix });
    return "Idempotency-Key";
  },
};
