import { type SettingOptions, type SettingsOf, secretList, variable, wholeNumber } from "../kernel/index.js";

const keyMinLength = 32;

/** Settings of {@link addWebhooks}. */
export const webhookVariables = {
  encryptKey: variable({
    name: "WEBHOOKS_ENCRYPT_KEY",
    type: secretList(keyMinLength),
    expected: `keys of at least ${keyMinLength} characters each, separated by commas or spaces`,
    help: "Encrypts the secrets of subscriptions in the database. In a list the first one encrypts and all of them decrypt.",
    secret: true,
    defaultText: "a fixed one for development; an error in production",
  }),
  timeoutMs: variable({
    name: "WEBHOOKS_TIMEOUT_MS",
    type: wholeNumber({ min: 100, max: 120_000 }),
    expected: "100 to 120000",
    help: "Milliseconds that an endpoint has for its answer.",
    default: 15_000,
  }),
  concurrency: variable({
    name: "WEBHOOKS_CONCURRENCY",
    type: wholeNumber({ min: 4, max: 1000 }),
    expected: "4 to 1000",
    help: "Deliveries at the same time in one process; one server has at most a quarter of them, one tenant three quarters.",
    default: 32,
  }),
  retentionDays: variable({
    name: "WEBHOOKS_RETENTION_DAYS",
    type: wholeNumber({ min: 1, max: 3650 }),
    expected: "1 to 3650",
    help: "Days that a finished delivery and its attempts are kept, and what waits for a stopped subscription.",
    default: 30,
  }),
};

/** Values of {@link webhookVariables}. */
export type WebhookSettings = SettingsOf<typeof webhookVariables>;

/** Settings given in code, each beating its variable. */
export type WebhookOptions = SettingOptions<typeof webhookVariables>;
