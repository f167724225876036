export { type AddIdempotencyOptions, addIdempotency, idempotencyPlugin } from "./plugin.js";
export { idempotencyVariables } from "./settings.js";
