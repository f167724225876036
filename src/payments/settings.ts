import {
  httpUrl,
  type SettingOptions,
  type SettingsOf,
  secretList,
  secretText,
  variable,
  wholeNumber,
} from "../kernel/index.js";

/** Settings of {@link addPayments}. */
export const paymentVariables = {
  secretKey: variable({
    name: "STRIPE_SECRET_KEY",
    type: secretText(8),
    expected: "a key like sk_live_...",
    help: "Key of the Stripe account.",
    secret: true,
  }),
  webhookSecret: variable({
    name: "STRIPE_WEBHOOK_SECRET",
    type: secretList(8),
    expected: "secrets like whsec_..., separated by commas or spaces",
    help: "Verifies the events of Stripe; several while one replaces another.",
    secret: true,
  }),
  apiUrl: variable({
    name: "STRIPE_API_URL",
    type: httpUrl.refine(
      (url) => url.startsWith("https:") || (URL.canParse(url) && isLoopback(new URL(url).hostname)),
    ),
    expected: "an https URL, or an http URL of this machine",
    help: "Another address of the API, for tests.",
    default: "https://api.stripe.com",
  }),
  timeoutMs: variable({
    name: "STRIPE_TIMEOUT_MS",
    type: wholeNumber({ min: 100, max: 120_000 }),
    expected: "100 to 120000",
    help: "Milliseconds that one call to Stripe may take.",
    default: 20_000,
  }),
  graceHours: variable({
    name: "STRIPE_GRACE_HOURS",
    type: wholeNumber({ min: 1, max: 720 }),
    expected: "1 to 720",
    help: "Hours after the time that is paid in which a plan is still given, while its subscription goes on.",
    default: 72,
  }),
  eventRetentionDays: variable({
    name: "STRIPE_EVENT_RETENTION_DAYS",
    type: wholeNumber({ min: 4, max: 3650 }),
    expected: "4 to 3650",
    help: "Days that an event of Stripe is kept; Stripe sends one again for three days.",
    default: 30,
  }),
};

/** Values of {@link paymentVariables}. */
export type PaymentSettings = SettingsOf<typeof paymentVariables>;

/** Settings given in code, each beating its variable. */
export type PaymentOptions = SettingOptions<typeof paymentVariables>;

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\./.test(host);
}
