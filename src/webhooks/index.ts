export { CachedReceivedIds, type CachedReceivedIdsOptions } from "./cached-received-ids.js";
export type { Delivery, DeliveryAttempt, WebhookAttempt, WebhookEvent } from "./deliveries/delivery.js";
export { isEventPattern, matchesEvent } from "./event-pattern.js";
export { type AddWebhooksOptions, addWebhooks, getWebhooks, webhooksPlugin } from "./plugin.js";
export { MemoryReceivedIds, type ReceivedIds } from "./received-ids.js";
export {
  type RequireSignatureOptions,
  requireSignature,
  type SignatureHook,
} from "./routes/require-signature.js";
export type { AuthorizeWebhooks, WebhookPermission } from "./routes/webhook-routes.js";
export { type WebhookOptions, type WebhookSettings, webhookVariables } from "./settings.js";
export { githubSignature, plainSignature, slackSignature, stripeSignature } from "./signature/providers.js";
export {
  type SecretSource,
  SignatureError,
  type SignatureScheme,
  type SignedRequest,
  type SigningSecrets,
  type VerifiedWebhook,
} from "./signature/scheme.js";
export {
  type SignableMessage,
  signStandard,
  standardWebhooks,
  type ToleranceOptions,
} from "./signature/standard.js";
export type {
  Subscription,
  SubscriptionInput,
  SubscriptionWithSecret,
} from "./subscriptions/subscription.js";
export type { Webhooks } from "./webhooks.js";
